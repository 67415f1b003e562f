"""Stage one, offline: vocabulary -> prompts -> plan -> provider -> validate -> store -> TextBank."""
