"""Which environment variables of the service image a slim one keeps."""

import json

from nb_builder.slim.rootfs import image_env


def test_what_users_set_is_kept_and_what_belongs_to_the_build_is_not():
    environ = {
        "GREETING": "a=b, c",
        "S2I_LOG_FORMAT": "json",
        "APP_ROOT": "/opt/app-root",
        "HOSTNAME": "0123",
        "https_proxy": "http://user:password@proxy",
        "NO_PROXY": "*",
        "S2I_SLIM_BASE": "shell",
        "PIP_INDEX_URL": "https://token@index",
        "PATH": "/bin",
        "_": "/bin/env",
    }
    assert json.loads(image_env.text(environ)) == {
        "APP_ROOT": "/opt/app-root",
        "GREETING": "a=b, c",
        "S2I_LOG_FORMAT": "json",
    }


def test_the_text_is_the_same_whatever_the_order():
    assert image_env.text({"a": "1", "b": "2"}) == image_env.text({"b": "2", "a": "1"})
