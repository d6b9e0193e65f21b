"""PyTorch for CPUs as the how-to page installs it, where its index can be reached.

The wheels are 180 MB on a host of their own, so this is a run of its own: PYTORCH=1 asks for it.
"""

from dataclasses import replace

from cases import check_answer, named
from flow import stage
from flow.test_requirements import build


def test_pytorch_for_cpus_is_built_and_asked(tmp_path):
    (tmp_path / "repo").mkdir()
    requirements = "--extra-index-url https://download.pytorch.org/whl/cpu\ntorch==2.7.1+cpu\nnumpy\n"
    (tmp_path / "repo/requirements.txt").write_text(requirements)
    (tmp_path / "repo/model.py").write_text(
        "# %%\nimport torch\n\nweights = torch.tensor([0.5, 2.0])\n# %%\n"
        "def predictor(x):\n    with torch.no_grad():\n        return float(weights @ torch.tensor(x))\n\n"
        "predictor([2.0, 1.0])\n"
    )
    env = {"S2I_ALLOW_INDEXES": "download.pytorch.org"}
    case = replace(named("ok-pure-python"), repo=tmp_path / "repo", env=env, ask=[b"[4, 1]"])
    built, env = build(case, tmp_path / "app")
    assert built.status == 0, built.stdout
    check_answer(4.0, *stage.serve(case, env).answers[0])
