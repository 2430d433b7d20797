// Meshes that turn. One hidden WebGL2 canvas draws every mesh and is copied into the 2D canvases of the page, so that
// any number of them shares one context; without WebGL2 the triangles are sorted and filled in 2D.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("mesh-data").textContent);
  const INT16_MAX = 32767, FOV = data.fov_deg * Math.PI / 180, DISTANCE = data.distance;

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  function unpack(packed) {
    const raw = new Int16Array(bytes(packed.positions).buffer);
    const positions = Float32Array.from(raw, (v) => v * packed.scale / INT16_MAX);
    const buffer = bytes(packed.indices).buffer;
    const indices = packed.wide ? new Uint32Array(buffer) : new Uint16Array(buffer);
    return { positions, indices, colours: bytes(packed.colours), normals: vertexNormals(positions, indices) };
  }

  function faceNormal(p, a, b, c) {
    const ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
    const vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
    return [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx]; // length: twice the area, the weight
  }

  function vertexNormals(positions, indices) {
    const normals = new Float32Array(positions.length);
    for (let f = 0; f < indices.length; f += 3) {
      const corners = [3 * indices[f], 3 * indices[f + 1], 3 * indices[f + 2]];
      const normal = faceNormal(positions, ...corners);
      for (const at of corners) for (let k = 0; k < 3; k++) normals[at + k] += normal[k];
    }
    return normals;
  }

  // Rows of the rotation from the object frame (+Y up, azimuth 0 = +Z towards the viewer) to right, up, outward.
  function viewRotation(azimuth, elevation) {
    const sa = Math.sin(azimuth), ca = Math.cos(azimuth), se = Math.sin(elevation), ce = Math.cos(elevation);
    return [ca, 0, -sa, -sa * se, ce, -ca * se, sa * ce, se, ca * ce];
  }

  const VERTEX = `#version 300 es
    in vec3 position; in vec3 normal; in vec3 colour;
    uniform mat3 rotation; uniform float focal, distance;
    out vec3 seen, tint, bent;
    void main() {
      seen = rotation * position; tint = colour; bent = rotation * normal;
      float depth = distance - seen.z;
      gl_Position = vec4(focal * seen.xy, (depth - distance) * depth / 4.0, depth);
    }`;
  const FRAGMENT = `#version 300 es
    precision highp float;
    in vec3 seen, tint, bent; uniform bool smoothly; out vec4 pixel;
    void main() {
      vec3 n = normalize(smoothly ? bent : cross(dFdx(seen), dFdy(seen)));
      float light = 0.35 + 0.5 * abs(dot(n, normalize(vec3(0.3, 0.5, 0.8)))) + 0.2 * abs(n.y);
      pixel = vec4(min(tint * light, 1.0), 1.0);
    }`;

  function makeWebgl() {
    const canvas = document.createElement("canvas");
    const gl = canvas.getContext("webgl2", { alpha: true, antialias: true, preserveDrawingBuffer: true });
    if (!gl) return null;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
    gl.useProgram(program);
    gl.enable(gl.DEPTH_TEST);
    const uniform = (name) => gl.getUniformLocation(program, name);
    const uploaded = new Map();

    function upload(mesh) {
      const vao = gl.createVertexArray();
      gl.bindVertexArray(vao);
      const attributes = [["position", mesh.positions, gl.FLOAT, false], ["normal", mesh.normals, gl.FLOAT, false],
                          ["colour", mesh.colours, gl.UNSIGNED_BYTE, true]];
      for (const [name, values, type, normalised] of attributes) {
        gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
        gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
        const at = gl.getAttribLocation(program, name);
        gl.enableVertexAttribArray(at);
        gl.vertexAttribPointer(at, 3, type, normalised, 0, 0);
      }
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.indices, gl.STATIC_DRAW);
      return vao;
    }

    return (context, mesh, camera, smoothly) => {
      const side = context.canvas.width;
      if (canvas.width !== side) canvas.width = canvas.height = side;
      gl.viewport(0, 0, side, side);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      if (!uploaded.has(mesh)) uploaded.set(mesh, upload(mesh));
      gl.bindVertexArray(uploaded.get(mesh));
      gl.uniformMatrix3fv(uniform("rotation"), true, viewRotation(camera.azimuth, camera.elevation));
      gl.uniform1f(uniform("focal"), camera.zoom / Math.tan(FOV / 2));
      gl.uniform1f(uniform("distance"), DISTANCE);
      gl.uniform1i(uniform("smoothly"), smoothly ? 1 : 0);
      const type = mesh.indices instanceof Uint32Array ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT;
      gl.drawElements(gl.TRIANGLES, mesh.indices.length, type, 0);
      context.clearRect(0, 0, side, side);
      context.drawImage(canvas, 0, 0);
    };
  }

  function drawFlat(context, mesh, camera) {
    const side = context.canvas.width, r = viewRotation(camera.azimuth, camera.elevation);
    const focal = 0.5 * side * camera.zoom / Math.tan(FOV / 2), count = mesh.positions.length / 3;
    const seen = new Float32Array(mesh.positions.length), xy = new Float32Array(2 * count);
    for (let v = 0; v < count; v++) {
      const [x, y, z] = mesh.positions.subarray(3 * v, 3 * v + 3);
      for (let k = 0; k < 3; k++) seen[3 * v + k] = r[3 * k] * x + r[3 * k + 1] * y + r[3 * k + 2] * z;
      const depth = DISTANCE - seen[3 * v + 2];
      xy[2 * v] = side / 2 + focal * seen[3 * v] / depth;
      xy[2 * v + 1] = side / 2 - focal * seen[3 * v + 1] / depth;
    }
    const order = [];
    for (let f = 0; f < mesh.indices.length; f += 3) {
      const [a, b, c] = [mesh.indices[f], mesh.indices[f + 1], mesh.indices[f + 2]];
      order.push([seen[3 * a + 2] + seen[3 * b + 2] + seen[3 * c + 2], a, b, c]);
    }
    order.sort((first, second) => first[0] - second[0]);
    context.clearRect(0, 0, side, side);
    for (const [, a, b, c] of order) {
      const n = faceNormal(seen, 3 * a, 3 * b, 3 * c), length = Math.hypot(...n) || 1;
      const light = 0.35 + 0.5 * Math.abs(0.3 * n[0] + 0.5 * n[1] + 0.8 * n[2]) / length + 0.2 * Math.abs(n[1]) / length;
      const tint = [0, 1, 2].map((k) => Math.min(255, mesh.colours[3 * a + k] * light) | 0);
      context.fillStyle = context.strokeStyle = `rgb(${tint})`;
      context.beginPath();
      for (const v of [a, b, c]) context.lineTo(xy[2 * v], xy[2 * v + 1]);
      context.closePath();
      context.fill();
      context.stroke();
    }
  }

  const paint = makeWebgl() || drawFlat;
  const unpacked = new Map();
  let stage = data.stages[0], run = 0, smoothly = false;

  function meshFor(canvas) {
    const row = data.rows[canvas.dataset.row], name = canvas.dataset.mesh;
    const packed = row[name] || row[`${name}/${stage}/${Math.min(run, data.runs[name] - 1)}`];
    if (packed && !unpacked.has(packed)) unpacked.set(packed, unpack(packed));
    return packed && unpacked.get(packed);
  }

  function paintCanvas(canvas, camera) {
    const side = Math.round(canvas.clientWidth * Math.min(window.devicePixelRatio || 1, 2));
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d"), mesh = meshFor(canvas);
    if (mesh) return paint(context, mesh, camera, smoothly);
    context.clearRect(0, 0, side, side);
    context.fillStyle = "#888";
    context.textAlign = "center";
    context.font = `${side / 10}px sans-serif`;
    context.fillText("empty", side / 2, side / 2);
  }

  const START = { azimuth: 0.6, elevation: 0.35, zoom: 1 };
  const rows = [...document.querySelectorAll(".meshes")].map((element) => {
    const row = { canvases: [...element.querySelectorAll("canvas")], camera: { ...START }, visible: false, queued: false };
    row.repaint = () => {
      if (row.queued || !row.visible) return;
      row.queued = true;
      requestAnimationFrame(() => { row.queued = false; for (const c of row.canvases) paintCanvas(c, row.camera); });
    };
    row.turn = (right, up) => {
      row.camera.azimuth -= right;
      row.camera.elevation = Math.max(-1.5, Math.min(1.5, row.camera.elevation + up));
      row.repaint();
    };
    row.zoom = (factor) => { row.camera.zoom = Math.max(0.4, Math.min(6, row.camera.zoom * factor)); row.repaint(); };
    new IntersectionObserver(([entry]) => { row.visible = entry.isIntersecting; row.repaint(); }).observe(element);
    return row;
  });

  const ARROWS = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
  for (const row of rows) for (const canvas of row.canvases) {
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      last = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      row.turn((event.clientX - last[0]) * 0.01, (event.clientY - last[1]) * 0.01);
      last = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
    // The wheel zooms a mesh that has been clicked, and scrolls the page over all others.
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas) return;
      event.preventDefault();
      row.zoom(Math.exp(-0.001 * event.deltaY));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => { Object.assign(row.camera, START); row.repaint(); });
    canvas.addEventListener("keydown", (event) => {
      if (!ARROWS[event.key]) return;
      event.preventDefault();
      row.turn(...ARROWS[event.key]);
    });
  }

  const repaintAll = () => rows.forEach((row) => row.repaint());
  document.querySelectorAll("input[name=stage]").forEach((input) =>
    input.addEventListener("change", () => { stage = input.value; repaintAll(); }));
  document.getElementById("seed").addEventListener("change", (event) => { run = Number(event.target.value); repaintAll(); });
  document.getElementById("smooth").addEventListener("change", (event) => {
    smoothly = event.target.checked;
    repaintAll();
  });
  window.addEventListener("resize", repaintAll);
})();
