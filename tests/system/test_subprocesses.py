"""Programs that are followed while they run, and that do not outlive who started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from segnet_tf.system.subprocesses import follow


def python(code):
    return [sys.executable, "-c", code]


def test_all_that_a_program_says_is_shown_on_stderr(capfd):
    code = "import sys; print('out', flush=True); print('one\\ntwo', file=sys.stderr); sys.exit(3)"
    finished = follow(python(code))
    assert (finished.code, finished.log, finished.last_line) == (3, "one\ntwo\n", "two")
    shown = capfd.readouterr()
    assert shown.out == "" and sorted(shown.err.split()) == ["one", "out", "two"]


def test_a_quiet_program_shows_nothing_and_its_log_is_kept(capfd):
    finished = follow(python("import sys; print('out'); sys.exit('said')"), shown=False)
    assert (finished.code, finished.last_line) == (1, "said")
    assert capfd.readouterr() == ("", "")


def test_only_the_end_of_a_long_log_is_kept():
    finished = follow(python("import sys\nfor i in range(999): print(i, file=sys.stderr)"))
    assert finished.last_line == "998" and len(finished.log.splitlines()) == 50


def test_a_signal_is_a_negative_code():
    assert follow(python("import os; os.kill(os.getpid(), 9)")).code == -signal.SIGKILL


def test_it_ends_with_whoever_started_it(tmp_path):
    mark = tmp_path / "pid"
    child = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = f"import sys; from segnet_tf.system.subprocesses import follow; follow({python(child)})"
    with subprocess.Popen(python(code)) as parent:
        deadline = time.monotonic() + 30
        while not (mark.is_file() and mark.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        pid = int(mark.read_text())
        parent.kill()
    while time.monotonic() < deadline and _runs(pid):
        time.sleep(0.02)
    assert not _runs(pid)


def _runs(pid):
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
