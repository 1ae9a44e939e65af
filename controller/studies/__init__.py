"""Many runs: what they say together that one alone does not."""
