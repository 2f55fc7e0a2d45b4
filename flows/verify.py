"""Check a run's files against the manifest that was written with them."""

from dataclasses import asdict
from pathlib import Path

from flows.show import Show
from geo.errors import ConfigError
from outputs.evidence.manifest import verify_manifest


def verify_run(run_dir: Path, show: Show) -> int:
    """Say which files of the run in `run_dir` are not as they were written; return 0 if all are, else 1.

    Raises:
        ConfigError: There is no such folder.
        OutputError: It has no manifest that can be read.

    """
    if not run_dir.is_dir():
        raise ConfigError(f"{run_dir}: expected the folder of a run; there is none")
    findings = verify_manifest(run_dir)
    show.document({"folder": str(run_dir), "is_intact": not findings, "findings": [asdict(one) for one in findings]})
    for finding in findings:
        show.trouble(f"{run_dir / finding.path}: {finding.change}")
    if not findings:
        show.say(f"{run_dir}: every file is as it was written")
    return int(bool(findings))
