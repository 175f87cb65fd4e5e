"""What a step does around the update, as `fastlr.rules.Options` says: one file is one thing that is done.

`step` puts them together for an optimizer, which without options has none of this.
"""
