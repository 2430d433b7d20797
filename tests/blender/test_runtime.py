import subprocess
import sys
import textwrap
from multiprocessing import get_context


def test_process_with_references_ends():
    """The checker of this test run does: without the release, the process would wait for Blender's threads for ever."""
    script = """
        from jaxtyping import install_import_hook
        install_import_hook("shelfnet", "beartype.beartype")
        import shelfnet.blender.engine
        print("done")
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, "Not freed" in ended.stderr) == (0, "done\n", False)


def test_child_process_imports_blender():
    """Processes that are spawned inherit ``sys.path``, onto which Blender has put its Python half alone."""
    expected = version()
    with get_context("spawn").Pool(1) as pool:
        assert pool.apply(version) == expected


def version():
    from shelfnet.blender.runtime import bpy

    return bpy.app.version_string
