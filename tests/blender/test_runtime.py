import subprocess
import sys
import textwrap
from multiprocessing import get_context


def test_process_with_references_ends():
    """The run-time type checker keeps references; without the release, the process would never end."""
    script = """
        from jaxtyping import install_import_hook
        install_import_hook("shelfnet", "beartype.beartype")
        import shelfnet.blender.engine
        print("done")
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, "Not freed" in ended.stderr) == (0, "done\n", False)


def test_child_process_imports_blender():
    """Spawned processes inherit ``sys.path``, to which Blender has added its incomplete Python modules."""
    expected = version()
    with get_context("spawn").Pool(1) as pool:
        assert pool.apply(version) == expected


def version():
    from shelfnet.blender.runtime import bpy

    return bpy.app.version_string
