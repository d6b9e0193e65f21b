"""Images as archives, and for which machine they say that they are."""

import hashlib
import io
import json
import tarfile

import pytest
from nb_builder.native import image_archive


def saved(layers):
    """Return an archive as `docker save` writes it: an image for amd64 with these layers, by their names."""
    config = {"architecture": "amd64", "os": "linux", "config": {"User": "1001"}, "rootfs": {"diff_ids": ["x", "y"]}}
    manifest = [{"Config": "c.json", "RepoTags": ["service-slim:latest"], "Layers": list(layers)}]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in (("c.json", json.dumps(config)), ("manifest.json", json.dumps(manifest)), *layers.items()):
            member = tarfile.TarInfo(name)
            if content.startswith("-> "):
                member.type, member.linkname = tarfile.SYMTYPE, content[3:]
                archive.addfile(member)
                continue
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    stream.seek(0)
    return stream


def test_an_image_is_made_one_for_another_machine_with_the_same_layers():
    made = io.BytesIO()
    image_archive.relabel(saved({"a/layer.tar": "one", "b/layer.tar": "-> ../a/layer.tar"}), made, "aarch64")
    made.seek(0)
    with tarfile.open(fileobj=made) as archive:
        (image,) = json.load(archive.extractfile("manifest.json"))
        text = archive.extractfile(image["Config"]).read()
        assert [archive.extractfile(layer).read() for layer in image["Layers"]] == [b"one", b"one"]
    assert image["RepoTags"] == ["service-slim:latest"]
    assert image["Config"] == f"{hashlib.sha256(text).hexdigest()}.json"
    config = json.loads(text)
    assert (config["architecture"], config["variant"], config["config"]) == ("arm64", "v8", {"User": "1001"})


def test_a_machine_that_images_have_no_name_for_is_an_error():
    with pytest.raises(KeyError):
        image_archive.relabel(saved({"a": "one"}), io.BytesIO(), "pdp11")
