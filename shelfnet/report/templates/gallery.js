// Viewers get their GLB file when they come near the window; all viewers of an object turn together. Without WebGL, they
// get none and keep their preview.
"use strict";
(() => {
  const hasWebGL = document.createElement("canvas").getContext("webgl2") !== null;
  const addresses = {};
  const address = (name) => addresses[name] ??= URL.createObjectURL(new Blob(
    [Uint8Array.from(atob(document.getElementById("glb-" + name).textContent), (letter) => letter.charCodeAt(0))],
    { type: "model/gltf-binary" }));

  const near = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    entry.target.src = address(entry.target.dataset.file);
    near.unobserve(entry.target);
  }), { rootMargin: "200px" });

  document.querySelectorAll(".tiles").forEach((row) => {
    const viewers = [...row.querySelectorAll("model-viewer")];
    viewers.forEach((viewer) => {
      if (hasWebGL) near.observe(viewer);
      viewer.addEventListener("camera-change", (event) => {
        if (event.detail.source !== "user-interaction") return;
        const orbit = viewer.getCameraOrbit().toString();
        viewers.filter((other) => other !== viewer).forEach((other) => { other.cameraOrbit = orbit; });
      });
      // The wheel scrolls the page until a viewer is clicked.
      viewer.addEventListener("pointerdown", () => { viewer.disableZoom = false; });
      viewer.addEventListener("blur", () => { viewer.disableZoom = true; });
    });
  });

  document.querySelectorAll("a[data-file]").forEach((link) =>
    link.addEventListener("click", () => { link.href = address(link.dataset.file); }));
})();
