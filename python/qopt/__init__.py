"""qopt from Python: tokens for the tools. Nothing here decides anything that the compiler decides."""
