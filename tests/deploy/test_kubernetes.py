"""The manifests fit the schemas of Kubernetes, and what their containers start answers."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml

from sidecar.config.variables import FORMS, variable
from tests.deploy.containers import Volume, files_of, read_image, running
from tests.e2e.bundles import build
from tests.e2e.running import EDIT, Sidecar, copy_pack, until
from tests.paths import ROOT

DIRECTORY = ROOT / "deploy" / "kubernetes"
GUIDE = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
MANIFESTS = {path.name: yaml.safe_load(path.read_text()) for path in DIRECTORY.glob("*.yaml")}
DEPLOYMENTS = sorted(name for name, each in MANIFESTS.items() if each["kind"] == "Deployment")
SETTINGS = {variable(name) for name in FORMS}
VERSIONS = ["1.29", kubernetes_validate.latest_version()]
"""From the first one with sidecar containers on."""
TOKEN, ADMIN_TOKEN = "token-of-the-service-0123456789", "token-of-prometheus-0123456789"
STRICTER = b'forbid(_: User, _: Action{name: "numbers.edit"}, _: Account, "owner_is_fixed");\n'


def pod(name: str) -> Any:  # noqa: ANN401  YAML
    return MANIFESTS[name]["spec"]["template"]["spec"]


def sidecar_of(name: str) -> Any:  # noqa: ANN401  YAML
    (container,) = pod(name)["initContainers"]
    return container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", sorted(MANIFESTS))
def test_a_manifest_fits_the_schema_of_kubernetes(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def test_the_schema_refuses_what_nobody_defined() -> None:
    manifest = json.loads(json.dumps(MANIFESTS[DEPLOYMENTS[0]]))
    manifest["spec"]["template"]["spec"]["securityContext"]["runAsNonroot"] = True

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_pod_has_the_profile_restricted_and_writes_nothing(name: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/ names the fields."""
    spec = pod(name)
    image = read_image(_image(name))

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    context = spec["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == image.user
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
    kinds = [kind for volume in spec["volumes"] for kind in volume if kind != "name"]
    assert set(kinds) <= {"configMap", "secret", "persistentVolumeClaim", "emptyDir"}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_sidecar_is_given_settings_that_exist_and_files_that_are_mounted(name: str) -> None:
    container = sidecar_of(name)
    variables = {each["name"]: each["value"] for each in container["env"]}
    mounts = {each["name"]: each for each in container["volumeMounts"]}
    image = read_image(_image(name))

    assert variables.keys() <= SETTINGS
    assert mounts.keys() == {each["name"] for each in pod(name)["volumes"]}
    for path in {**image.variables, **variables}.values():
        if path.startswith("/") and ":" not in path:
            assert any(Path(path).is_relative_to(each["mountPath"]) for each in mounts.values())
    assert [each for each in mounts.values() if "subPath" in each] == []
    assert [each for each in mounts if not mounts[each].get("readOnly")] == ["temporary"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_what_a_pod_mounts_is_made_by_the_commands_of_the_guide_or_a_manifest(name: str) -> None:
    made = set(re.findall(r"kubectl create (?:configmap|secret generic) (\S+)", GUIDE))
    claims = {each["metadata"]["name"] for each in MANIFESTS.values()}
    app = pod(name)["containers"][0]

    for volume in pod(name)["volumes"]:
        named = volume.get("configMap", {}).get("name") or volume.get("secret", {}).get(
            "secretName"
        )
        assert named is None or named in made
        assert volume.get("persistentVolumeClaim", {}).get("claimName", "facts") in claims
    for each in app["env"]:
        assert "value" in each or each["valueFrom"]["secretKeyRef"]["name"] in made


def test_only_clients_of_the_service_and_prometheus_reach_a_pod() -> None:
    policy = MANIFESTS["network-policy.yaml"]["spec"]
    admitted = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}

    assert policy["policyTypes"] == ["Ingress"]
    assert all(rule["from"] for rule in policy["ingress"])
    for name in DEPLOYMENTS:
        labels = MANIFESTS[name]["spec"]["template"]["metadata"]["labels"]
        assert labels == policy["podSelector"]["matchLabels"]
        containers = (sidecar_of(name), *pod(name)["containers"])
        ports = {port["containerPort"] for each in containers for port in each["ports"]}
        assert admitted == ports


# --- the containers, started --------------------------------------------------------------------


class Pod:
    """The sidecar of a pod, with its volumes."""

    def __init__(self, root: Path, name: str) -> None:
        copy_pack(root)
        for suite in (root / "policies").glob("*_test.yaml"):
            suite.unlink()  # they do not expect the edit, and `sidecar build` runs them
        self.root, self.name = root, name
        tokens = {"tokens": f"service {TOKEN}\n", "admin-tokens": f"prometheus {ADMIN_TOKEN}\n"}
        self.tokens = Volume(root / "secret", {k: v.encode() for k, v in tokens.items()}, 0o440)
        self.policy = Volume(root / "policy", self.version())
        (root / "temporary").mkdir()
        self.volumes = {
            "policies": self.policy.path,
            "bundle": self.policy.path,
            "fixtures": Volume(root / "fixed", files_of(root / "fixtures")).path,
            "facts": root / "data",
            "tokens": self.tokens.path,
            "temporary": root / "temporary",
        }

    def version(self) -> dict[str, bytes]:
        """Return the files of the volume with the policy of `root`."""
        if "configmap" in self.name:
            return files_of(self.root / "policies")
        return {"policy.bundle": build(self.root).read_bytes()}

    def mounts(self) -> dict[str, Path]:
        mounted = sidecar_of(self.name)["volumeMounts"]
        return {each["mountPath"]: self.volumes[each["name"]] for each in mounted}


@pytest.fixture(scope="module", params=DEPLOYMENTS)
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Pod, Sidecar]]:
    name = str(request.param)
    made = Pod(tmp_path_factory.mktemp("pod"), name)
    variables = {each["name"]: each["value"] for each in sidecar_of(name)["env"]}
    with running(made.root, read_image(_image(name)), variables, made.mounts()) as sidecar:
        yield made, sidecar


def admin(sidecar: Sidecar, path: str, token: str = "") -> int:
    """Return the status of a request to the admin listener."""
    found = re.search(r"operators ask at: 127\.0\.0\.1:(\d+)", sidecar.log())
    assert found, sidecar.log()
    with closing(http.client.HTTPConnection("127.0.0.1", int(found[1]))) as connection:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status


def ask(sidecar: Sidecar) -> Any:  # noqa: ANN401  JSON
    status, answer = sidecar.ask("/v1/authorize", EDIT, Authorization=f"Bearer {TOKEN}")
    assert status == 200, answer
    return answer["decision"]


@pytest.mark.e2e
def test_what_the_manifest_starts_answers_its_probes_and_its_callers(
    started: tuple[Pod, Sidecar],
) -> None:
    pod, sidecar = started
    probes = ("startupProbe", "readinessProbe", "livenessProbe")
    paths = {sidecar_of(pod.name)[probe]["httpGet"]["path"] for probe in probes}

    for path in paths:
        until(lambda path=path: admin(sidecar, path) == 200)  # type: ignore[misc]

    assert paths == {"/healthz", "/readyz"}
    assert ask(sidecar) is True
    assert sidecar.ask("/v1/authorize", EDIT)[0] == 401


@pytest.mark.e2e
def test_an_edit_that_the_kubelet_brings_is_taken(started: tuple[Pod, Sidecar]) -> None:
    pod, sidecar = started
    until(lambda: ask(sidecar) is True)
    main = pod.root / "policies" / "main.polar"
    main.write_bytes(main.read_bytes() + STRICTER)
    before = pod.policy.path.joinpath("..data").resolve()

    pod.policy.write(pod.version())

    assert not before.exists()
    until(lambda: not any(sidecar.each(lambda: ask(sidecar))))
    assert sidecar.log().count("Traceback") == 0


def _image(name: str) -> str:
    """Return the name of the image without registry and version."""
    reference: str = sidecar_of(name)["image"]
    return reference.rpartition("/")[2].partition(":")[0]
