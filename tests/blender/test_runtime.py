import subprocess
import sys
import textwrap


def test_a_process_that_keeps_references_to_the_package_ends():
    """The checker of this test run does: without the release, the process would wait for Blender's threads for ever."""
    script = """
        from jaxtyping import install_import_hook
        install_import_hook("shelfnet", "beartype.beartype")
        import shelfnet.blender.engine
        print("done")
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, "Not freed" in ended.stderr) == (0, "done\n", False)
