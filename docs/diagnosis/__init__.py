"""How good the diagnosis is: runs with injected faults, judged."""
