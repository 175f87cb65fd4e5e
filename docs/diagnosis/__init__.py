"""How good the diagnosis is: runs with injected faults, judged.  `python -m docs.diagnosis` writes docs/diagnosis.md."""
