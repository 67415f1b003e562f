"""The only place that knows both halves; owns the two command lines.

langseg-desc: vocabulary -> prompts -> plan -> provider -> validate -> journal -> store
              -> text encoder -> TextBank, and the audit beside it
langseg-seg:  images + TextBank -> train -> checkpoint -> eval, predict
"""
