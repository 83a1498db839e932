"""What to do where a framework runs the training: what is said of a plain loop would not reach its loader."""

from __future__ import annotations

__all__ = ["ADVICE", "TORN"]

#: How the data and the generators of a run are made exact, by framework.
ADVICE = {
    "transformers": (
        "return a samerun.DataLoader from get_train_dataloader, with TrainingArguments(ignore_data_skip=True), and run"
        " training_step inside `with samerun.Stream(seed):`; save the state_dict() of both in a callback's on_save, and"
        " load them in on_train_begin: docs/howto/frameworks.md"
    ),
    "lightning": (
        "return a samerun.DataLoader from train_dataloader, whose state Lightning saves and loads, and compute"
        " training_step inside `with self.stream:`, a samerun.Stream that on_save_checkpoint saves and"
        " on_load_checkpoint loads: docs/howto/frameworks.md"
    ),
    "accelerate": (
        "leave a samerun.DataLoader out of prepare(), in place of skip_first_batches(), and compute inside"
        " `with stream:`, a samerun.Stream; accelerator.register_for_checkpointing(loader, stream) saves and loads"
        " both: docs/howto/frameworks.md"
    ),
}

#: What to do about a checkpoint that a framework wrote half of, where it does not write to another name first.
TORN = {
    "transformers": (
        "have a callback's on_save, which comes last, write a file into the checkpoint, and give train() the newest one"
        " that has it: resume_from_checkpoint=...: docs/howto/frameworks.md"
    ),
    "accelerate": (
        "give save_state() another name, os.replace() that folder when it returns, and resume from the newest one that"
        " has its own name"
    ),
}
