//! Words of registries and runtimes, each with what it means.

use super::image::examine;
use crate::diagnose::Reason;
use crate::diagnose::testing::World;

#[test]
fn every_wording_has_its_meaning() {
    for (message, reason, words) in [
        (
            r#"rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/web:2": failed to resolve reference "docker.io/library/web:2": docker.io/library/web:2: not found"#,
            Reason::ImagePullFailed,
            "does not have it",
        ),
        (
            "rpc error: code = Unknown desc = Error response from daemon: manifest for web:2 not found: manifest unknown: manifest unknown",
            Reason::ImagePullFailed,
            "does not have it",
        ),
        (
            "rpc error: code = Unknown desc = Error response from daemon: pull access denied for web, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            Reason::ImagePullFailed,
            "refuses access",
        ),
        (
            r"failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://auth.example/token: 403 Forbidden",
            Reason::ImagePullFailed,
            "refuses access",
        ),
        ("toomanyrequests: You have reached your pull rate limit.", Reason::ImagePullFailed, "rate limit"),
        ("no match for platform in manifest: not found", Reason::ImagePullFailed, "no build for"),
        (
            r#"choosing an image from manifest list docker://x: no image found in manifest list for architecture "arm64", variant "v8", OS "linux""#,
            Reason::ImagePullFailed,
            "no build for",
        ),
        ("x509: certificate signed by unknown authority", Reason::ImagePullFailed, "TLS certificate"),
        ("http: server gave HTTP response to HTTPS client", Reason::ImagePullFailed, "plain HTTP"),
        ("dial tcp: lookup registry.example on 10.0.0.2:53: no such host", Reason::ImagePullFailed, "cannot resolve"),
        ("dial tcp 10.1.2.3:443: i/o timeout", Reason::ImagePullFailed, "no connection"),
        ("dial tcp 10.1.2.3:5000: connect: connection refused", Reason::ImagePullFailed, "no connection"),
        ("received unexpected HTTP status: 503 Service Unavailable", Reason::ImagePullFailed, "server error"),
        (
            "failed to extract layer sha256:1: mount callback failed on /tmp/x: archive/tar: invalid tar header: unknown",
            Reason::CorruptImage,
            "broken",
        ),
        ("failed size validation: 10 != 12: failed precondition", Reason::CorruptImage, "broken"),
        ("write /var/lib/containerd/x: no space left on device: unknown", Reason::DiskFull, "no space"),
    ] {
        let full = format!("Back-off pulling image \"registry.example/web:1\": ErrImagePull: {message}");
        for world in [
            World::new().waiting("ImagePullBackOff", &full),
            World::new()
                .waiting("ImagePullBackOff", "Back-off pulling image \"registry.example/web:1\"")
                .event("Failed", &format!("Failed to pull image \"registry.example/web:1\": {message}"), 3)
                .event("Failed", "Error: ErrImagePull", 3),
        ] {
            let found = world.examine(examine);
            assert_eq!(found[0].reason, reason, "{message}");
            assert!(found[0].summary.contains(words), "{message}: {}", found[0].summary);
            assert!(found[0].evidence[0].detail.contains(message), "{message}");
        }
    }
}

#[test]
fn a_missing_pull_secret_is_blamed() {
    let found = World::new()
        .waiting(
            "ImagePullBackOff",
            "Back-off pulling image \"registry.example/web:1\": ErrImagePull: no basic auth credentials",
        )
        .with(|w| w.pod().image_pull_secrets.push("regcred".into()))
        .event(
            "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed.",
            2,
        )
        .examine(examine);
    let root = found[0].root_cause.as_ref().expect("the secret");
    assert_eq!((root.kind.as_str(), root.name.as_str()), ("Secret", "regcred"));
    assert!(
        found[0].remediation[0].command.as_ref().is_some_and(|c| c.contains("create secret docker-registry regcred"))
    );
}

#[test]
fn a_sibling_that_may_pull_shows_what_is_missing() {
    let found = World::new()
        .waiting("ErrImagePull", "pull access denied, repository does not exist or may require authorization")
        .with(|w| {
            let mut other = World::new().cluster.pods.remove(0);
            other.name = "api-1".into();
            other.workload.name = "api".into();
            other.image_pull_secrets.push("regcred".into());
            w.cluster.pods.push(other);
        })
        .examine(examine);
    let root = found[0].root_cause.as_ref().expect("the workload");
    assert_eq!((root.kind.as_str(), root.name.as_str()), ("Deployment", "web"));
    assert!(found[0].remediation[0].text.contains("regcred"));
}

#[test]
fn names_and_policies() {
    let named = World::new()
        .with(|w| w.container().image = "Shop/Web:1".into())
        .waiting("InvalidImageName", "Failed to apply default image tag \"Shop/Web:1\": couldn't parse image name \"Shop/Web:1\": invalid reference format: repository name (Shop/Web) must be lowercase")
        .examine(examine);
    assert_eq!(named[0].reason, Reason::InvalidImageName);
    assert!(named[0].summary.contains("lower case"));
    let never = World::new()
        .waiting("ErrImageNeverPull", "Container image \"web:1\" is not present with pull policy of Never")
        .examine(examine);
    assert_eq!(never[0].reason, Reason::ImagePullFailed);
}

#[test]
fn a_running_container_has_its_image() {
    let world = World::new().event("Failed", "Failed to pull image \"x\": not found", 1);
    assert!(world.examine(examine).is_empty());
}
