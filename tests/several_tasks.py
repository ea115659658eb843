"""Runs of several tasks on a few records: translation, and labels of two kinds."""

from made_runs import ASSETS

WORDS = {"short": ["Open", "Save", "Quit", "Help"], "long": ["Preferences", "Keyboard", "Appearance"]}
SEVERAL = [
    "module=multi_task",
    "tokenizer=byte",
    "model=llama_nano",
    "model.num_layers=2",
    "model.embedding_dim=32",
    "model.num_heads=2",
    "model.context_length=128",
    "batch_size=8",
    "trainer.precision=32-true",
    "trainer.accelerator=cpu",
    "trainer.max_steps=12",
    "trainer.val_check_interval=4",
    "trainer.log_every_n_steps=1",
    "callback.checkpoint.every_n_steps=4",
    "module.num_predicted=4",
    "split={val_fraction: 0.2, test_fraction: 0.1, by: auto}",
]
TASKS = {
    "translation": ["translation", f"data.train={ASSETS / 'pairs.tsv'}", "task.max_new_tokens=8"],
    "length": ["classification", "task.labels=[short,long]", "task.dropout=0"],
    "case": ["classification", "task.labels=[upper,lower,other]", "task.dropout=0"],
}


def of_tasks(folder, names):
    """The overrides that choose these tasks; their files are written into the folder."""
    rows = [(word + "!" * n, kind) for kind, words in WORDS.items() for word in words for n in range(6)]
    cased = [
        (w.upper() if n % 2 else w.lower(), "upper" if n % 2 else "lower") for n, (w, _) in enumerate(rows)
    ]
    for name, own in (("length", rows), ("case", cased)):
        lines = [f"{text}\t{label}\n" for text, label in own]
        (folder / f"{name}.tsv").write_text("text\tlabel\n" + "".join(lines))
    found = []
    for name in names:
        option, *values = TASKS[name]
        found += [f"+task@tasks.{name}.task={option}", f"+data@tasks.{name}.data=tsv"]
        found += [f"tasks.{name}.{value}" for value in values]
        if name != "translation":
            found.append(f"tasks.{name}.data.train={folder / name}.tsv")
    return found


def overrides_of(folder, overrides, names):
    """All overrides of a run: those of its tasks, and the usual ones that are not given."""
    given = {override.partition("=")[0] for override in overrides}
    kept = [each for each in SEVERAL if each.partition("=")[0] not in given]
    return [*kept, *of_tasks(folder, names), *overrides]
