"""fastlr for PyTorch."""
