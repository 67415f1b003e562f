"""Stage one, offline: vocabulary -> prompts -> provider -> validate -> store -> TextBank."""
