"""Many runs: what they say together that one alone does not. One pool of workers and one durable file of rows for all."""
