import pytest
import torch
from omegaconf import OmegaConf

from gpt_exp import export
from gpt_exp.experiment import LoadedRun
from gpt_exp.model.llama import Llama
from gpt_exp.tokenizer.byte import byte


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_transformers_opens_the_export_of_a_run(tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = Llama(vocab_size=257, context_length=16, num_layers=1, num_heads=2, embedding_dim=16).eval()
    asked = []

    def load_run(run, checkpoint):
        asked.append((run, checkpoint))
        return LoadedRun(model, byte(), OmegaConf.create())

    monkeypatch.setattr(export, "load_run", load_run)
    folder = tmp_path / "new" / "folder"
    config = {"run": "a/run", "checkpoint": "last", "path": str(folder), "max_shard_bytes": 10**9}
    export.main(OmegaConf.create(config), [])

    assert asked == [("a/run", "last")]
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokens = torch.tensor([transformers.AutoTokenizer.from_pretrained(folder).encode("a line")])
    assert tokens.tolist() == [byte().encode("a line")]
    with torch.no_grad():
        expected = model.logits(model(tokens))
        torch.testing.assert_close(theirs(tokens).logits, expected, rtol=0, atol=1e-4)
