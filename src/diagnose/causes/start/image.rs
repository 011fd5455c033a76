//! The image cannot be had: the words of kubelet, containerd, cri-o, docker and registries.
//!
//! Why a pull failed stands in `waiting.message` (since Kubernetes 1.30 also while it backs off) and in the event
//! `Failed to pull image`; `Back-off pulling image` and `Error: ErrImagePull` say nothing of it.

use crate::diagnose::facts::{Container, Pod, State};
use crate::diagnose::stated::{self, Said};
use crate::diagnose::words::cut;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, RootCause, Source};

use super::reference::{host, malformed};

/// What keeps the image away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    RateLimit,
    Platform,
    DiskFull,
    Broken,
    OldFormat,
    Certificate,
    PlainHttp,
    NameResolution,
    Refused,
    Missing,
    Signature,
    ShortName,
    Unreachable,
    ServerError,
    NodeStore,
}

use Trouble::{
    Broken, Certificate, DiskFull, Missing, NameResolution, NodeStore, OldFormat, PlainHttp, Platform, RateLimit,
    Refused, ServerError, ShortName, Signature, Unreachable,
};

/// First match wins; in lower case.
#[rustfmt::skip]
static WORDS: &[(Trouble, &[&str])] = &[
    (RateLimit, &["toomanyrequests", "too many requests", "rate limit", "rate exceeded", "status code 429"]),
    (Platform, &["no match for platform", "no matching manifest for", "no image found in manifest list", "no image found in image index", "does not match the specified platform", "no child with platform"]),
    (DiskFull, &["no space left on device", "disk quota exceeded", "not enough space"]),
    (NodeStore, &["parent snapshot", "failed to prepare extraction snapshot", "failed to stat snapshot", "input/output error", "structure needs cleaning", "unable to prepare extraction snapshot", "failed to get converter", "content store"]),
    (Broken, &["blob not found", "failed to extract layer", "error extracting layer", "invalid tar header", "archive/tar", "failed to register layer", "filesystem layer verification failed", "failed size validation", "size validation failed", "unexpected commit digest", "unexpected commit size", "digest mismatch", "did not match expected digest", "does not match expected digest", "digest did not match", "digest verification failed", "gzip: invalid", "flate: corrupt", "zstd: invalid", "magic number mismatch", "applying layer", "wrong diff id", "mismatched image rootfs", "unpack destination", "error parsing manifest", "exit status 1: unpigz", "error processing tar file", "image config is not", "failed to unmarshal", "invalid checksum digest", "parsing image configuration"]),
    (OldFormat, &["schema1", "schema 1", "manifest.v1+prettyjws", "manifest schema", "unsupported media type", "unsupported manifest", "mediatype"]),
    (Signature, &["signature validation", "signature required", "signaturevalidationfailed", "source image rejected", "rejected by policy", "image signature"]),
    (PlainHttp, &["server gave http response to https client", "first record does not look like a tls handshake"]),
    (Certificate, &["x509:", "certificate signed by unknown", "certificate has expired", "certificate verify failed", "certificate is not valid", "remote error: tls", "tls: failed to verify"]),
    (NameResolution, &["no such host", "server misbehaving", "temporary failure in name resolution", "name or service not known", "could not resolve host", "cannot resolve host", "lookup "]),
    (ShortName, &["short-name", "short name mode", "ambiguous list"]),
    (Refused, &["unauthorized", "authentication required", "no basic auth credentials", "pull access denied", "access denied", "access to the resource is denied", "access forbidden", "permission denied", "denied:", ": denied", "403 forbidden", "401 unauthorized", "insufficient_scope", "failed to authorize", "failed to fetch oauth token", "failed to fetch anonymous token", "authorization token has expired", "invalid username/password", "incorrect username or password", "not authorized", "does not have permission", "requested access to the resource", "permission \"artifactregistry"]),
    (Unreachable, &["connection refused", "i/o timeout", "context deadline exceeded", "client.timeout", "tls handshake timeout", "network is unreachable", "no route to host", "connection reset", "unexpected eof", ": eof", "connection timed out", "proxyconnect", "timeout awaiting response", "request canceled", "broken pipe", "context canceled", "stream error", "use of closed network connection", "registryunavailable", "operation timed out"]),
    (ServerError, &["500 internal server error", "502 bad gateway", "503 service", "504 gateway", "unexpected status code 5", "unexpected status from", "received unexpected http status", "internal server error", "service unavailable", "bad gateway"]),
    (Missing, &["not found", "manifest unknown", "name unknown", "repository does not exist", "manifest_unknown", "name_unknown", "no such image", "does not exist", "404 not found", "status code 404"]),
];

/// The waiting reasons of an image that cannot be had.
const WAITING: &[&str] =
    &["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "SignatureValidationFailed", "ImageInspectError"];

/// Whether the container waits for its image, so that what is said is about that.
pub fn is_waited_for(case: &Case) -> bool {
    let (reason, _) = case.waiting();
    WAITING.contains(&reason) || matches!(reason, "InvalidImageName" | "ErrImageNeverPull")
}

/// Reads why the image is not there.
pub fn examine(case: &Case) -> Vec<Finding> {
    let State::Waiting { reason, .. } = &case.container.status.state else { return Vec::new() };
    let said = stated::at_start(case);
    match reason.as_str() {
        "InvalidImageName" => vec![invalid_name(case, &said)],
        "ErrImageNeverPull" => vec![never_pull(case, &said)],
        r if WAITING.contains(&r) => vec![pull(case, &said)],
        _ => Vec::new(),
    }
}

/// Statements that tell why: not only that it backs off, or that there was an error.
fn tells(said: &Said) -> bool {
    let text = said.text.trim_start_matches("Error: ");
    let only_back_off = text.starts_with("Back-off pulling image") && !text.contains("\": Err");
    !(text.is_empty() || only_back_off || matches!(text, "ErrImagePull" | "ImagePullBackOff" | "ImageInspectError"))
        && said.reason != "FailedToRetrieveImagePullSecret"
}

fn pull(case: &Case, said: &[Said]) -> Finding {
    let why = said.iter().find(|s| tells(s));
    // An image that cannot even be inspected is no matter of the registry: the node's own store is broken.
    let inspects = case.waiting().0 == "ImageInspectError";
    let trouble =
        why.and_then(|s| trouble(s.text)).filter(|t| !inspects || *t == DiskFull).or(inspects.then_some(NodeStore));
    let reason = match trouble {
        Some(Broken) => Reason::CorruptImage,
        Some(DiskFull) => Reason::DiskFull,
        // The same image is well on another node: it is this one.
        Some(NodeStore) if runs_elsewhere(case).is_some() => Reason::NodeFault,
        Some(NodeStore) => Reason::RuntimeFailure,
        _ => Reason::ImagePullFailed,
    };
    let image = cut(&case.container.image, 120);
    let means = trouble.map_or_else(|| unknown(why), |t| means(t, &case.container.image));
    let confidence = if trouble == Some(NodeStore) { Confidence::Likely } else { Confidence::Certain };
    let verb = if inspects { "used" } else { "pulled" };
    let mut finding =
        Finding::new(reason, confidence, Basis::Stated, format!("The image {image} cannot be {verb}: {means}."));
    match why {
        Some(why) => finding = finding.evidence(why.evidence()),
        None => finding = said.iter().fold(finding, |f, s| f.evidence(s.evidence())),
    }
    match trouble {
        Some(Refused) => super::pull_secret::explain(case, said, finding),
        Some(trouble) => advise(case, trouble, finding),
        None => finding
            .advise("Read the kubelet's words above; pull the image by hand on the node (crictl pull) to see more."),
    }
}

/// Only the words after the image's name count: a name may contain anything, `denied` among it.
fn trouble(text: &str) -> Option<Trouble> {
    let lower = text.to_lowercase();
    WORDS.iter().find(|(_, words)| words.iter().any(|w| lower.contains(w))).map(|(t, _)| *t)
}

fn unknown(why: Option<&Said>) -> String {
    match why {
        Some(s) => cut(last_part(s.text), 200),
        None => "the kubelet does not say why (the events that tell are gone)".to_owned(),
    }
}

/// What follows `Failed to pull image "...": `.
fn last_part(text: &str) -> &str {
    text.split_once("\": ").map_or(text, |(_, rest)| rest).trim_start_matches("rpc error: ")
}

fn means(trouble: Trouble, image: &str) -> String {
    let host = host(image);
    match trouble {
        RateLimit => format!("{host} refuses because of its pull rate limit"),
        Platform => "it has no build for this node's platform".into(),
        DiskFull => "no space is left on the node's disk".into(),
        Broken => "its content is broken (a layer or manifest does not fit to what it should be)".into(),
        OldFormat => "it is in a format that the runtime no longer supports".into(),
        Certificate => format!("the node does not accept the TLS certificate of {host}"),
        PlainHttp => format!("{host} answers in plain HTTP, but the node speaks HTTPS to it"),
        NameResolution => format!("the node cannot resolve the name {host}"),
        Refused => format!("{host} refuses access"),
        Missing => format!("{host} does not have it"),
        Signature => "its signature is refused by the node's policy".into(),
        ShortName => "its short name is ambiguous for the runtime".into(),
        Unreachable => format!("the node gets no connection to {host}"),
        ServerError => format!("{host} fails to answer (server error)"),
        NodeStore => "the image store of the node is damaged or out of step".into(),
    }
}

fn advise(case: &Case, trouble: Trouble, finding: Finding) -> Finding {
    let image = &case.container.image;
    let finding = elsewhere(case, finding);
    match trouble {
        RateLimit => {
            let always = case.container.pull_policy.as_deref() == Some("Always") || image.ends_with(":latest");
            let tag = if always { " A fixed tag with imagePullPolicy: IfNotPresent avoids asking at every start." } else { "" };
            finding.advise(format!("Pull with an account (imagePullSecrets), or from a mirror or cache of your own.{tag} The limit passes by itself after some hours."))
        }
        Platform => finding
            .advise(format!("Use a tag that is built for {}, or build it: docker buildx build --platform linux/amd64,linux/arm64 . Or schedule the pod to fitting nodes (nodeSelector kubernetes.io/arch).", platform(case))),
        DiskFull => finding.advise("Free space on the node (crictl rmi --prune, old logs), or give it a larger disk."),
        Broken => finding.advise("Push the image anew (or rebuild it), and remove the broken copy from the node (crictl rmi). If other images break too, suspect the registry, a proxy between, or the node's disk."),
        OldFormat => finding.advise("Build or convert it to a current format: docker pull and push with a current docker, or skopeo copy --format v2s2."),
        Certificate => finding.advise("Give the nodes' runtime the CA of the registry (containerd: certs.d/HOST/hosts.toml; docker: certs.d/HOST/ca.crt), or renew the certificate."),
        PlainHttp => finding.advise("Serve the registry by TLS, or declare it insecure in the runtime's configuration on the nodes (containerd: certs.d/HOST/hosts.toml with http://)."),
        NameResolution => finding.advise("Check the registry's name in the image, and the node's own DNS (/etc/resolv.conf there; pods' DNS plays no part)."),
        Missing => finding.advise(format!("Check name and tag: {image}. Was it pushed, to this registry, under this tag? A tag that is built by CI may come later than the deployment. Some registries say `not found` also where rights are missing.")),
        Signature => finding.advise("Sign the image, or correct the policy on the node (/etc/containers/policy.json)."),
        ShortName => finding.advise("Write the image with its registry, e.g. docker.io/library/nginx:1.27."),
        Unreachable => finding.advise("Check network, firewall and proxy between the node and the registry (curl -v from the node)."),
        ServerError => finding.advise("Look at the registry's own state; it passes by itself where the registry recovers."),
        NodeStore => finding.advise("On the node: remove the image (crictl rmi) and let it be pulled again; if that fails, restart the runtime, and check the disk (dmesg)."),
        Refused => finding,
    }
}

fn platform(case: &Case) -> String {
    let node = case.pod.node.as_deref().and_then(|n| case.cluster.node(n));
    match node {
        Some(n) if !n.architecture.is_empty() => format!("{}/{} (node {})", n.os, n.architecture, n.name),
        _ => "the node's platform".into(),
    }
}

/// A pod on another node in which the same image runs.
fn runs_elsewhere<'a>(case: &Case<'a>) -> Option<&'a Pod> {
    let image = &case.container.image;
    let runs = |c: &Container| c.image == *image && matches!(c.status.state, State::Running { .. });
    let others = case.cluster.pods.iter().filter(|p| p.node.is_some() && p.node != case.pod.node);
    others.into_iter().find(|p| p.containers.iter().any(runs))
}

/// Whether the same image runs on another node: then it is there, and this node (or its rights) is the matter.
fn elsewhere(case: &Case, finding: Finding) -> Finding {
    let Some(other) = runs_elsewhere(case) else { return finding };
    let node = other.node.as_deref().unwrap_or_default();
    let text = format!("the same image runs in pod {} on node {node}", other.name);
    finding.evidence(Evidence::new(Source::Node, text))
}

fn never_pull(case: &Case, said: &[Said]) -> Finding {
    let image = &case.container.image;
    let finding = Finding::new(
        Reason::ImagePullFailed,
        Confidence::Certain,
        Basis::Stated,
        format!("The image {} is not on the node, and imagePullPolicy: Never forbids to pull it.", cut(image, 120)),
    )
    .advise("Load the image into this node's runtime (ctr -n k8s.io images import, kind load, minikube image load), or allow the pull: imagePullPolicy: IfNotPresent.");
    said.iter().take(2).fold(finding, |f, s| f.evidence(s.evidence()))
}

fn invalid_name(case: &Case, said: &[Said]) -> Finding {
    let image = &case.container.image;
    let wrong = malformed(image).map_or(String::new(), |w| format!(": {w}"));
    let finding = Finding::new(
        Reason::InvalidImageName,
        Confidence::Certain,
        Basis::Stated,
        format!("The image \"{}\" is no valid reference{wrong}.", cut(image, 120)),
    )
    .evidence(Evidence::new(Source::PodSpec, format!("image: \"{}\"", cut(image, 300))))
    .advise(format!(
        "Correct image of container {} in {} (form: host/path/name:tag, lower case, no blanks, no http://).",
        case.container.name,
        case.kubectl_workload()
    ));
    said.iter().filter(|s| !s.text.is_empty()).take(2).fold(finding, |f, s| f.evidence(s.evidence()))
}

/// The pod's workload as the object to blame.
pub(super) fn blame_workload(case: &Case, summary: String) -> RootCause {
    let w = &case.pod.workload;
    RootCause {
        api_version: w.api_version.clone(),
        kind: w.kind.clone(),
        namespace: case.pod.namespace.clone(),
        name: w.name.clone(),
        workload: None,
        summary,
    }
}
