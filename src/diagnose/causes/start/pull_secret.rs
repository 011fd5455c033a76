//! A registry that refuses access: are there credentials, and does the Secret exist that should hold them?

use crate::diagnose::facts::{Pod, State};
use crate::diagnose::stated::Said;
use crate::diagnose::{Case, Evidence, Finding, RootCause, Source};

use super::{image::blame_workload, reference::host};

/// Adds what the pod offers to the registry, whom to blame, and what to do.
pub(super) fn explain(case: &Case, said: &[Said], finding: Finding) -> Finding {
    let secrets = &case.pod.image_pull_secrets;
    if let Some(missing) = missing_secret(case, said) {
        return absent(case, said, &missing, finding);
    }
    if secrets.is_empty() {
        return without(case, finding);
    }
    let names = secrets.join(", ");
    finding
        .evidence(Evidence::new(Source::PodSpec, format!("imagePullSecrets: {names}")))
        .advise(format!(
            "The pod offers the credentials in {names}, and {} refuses them (or knows no such image): check that they are for this host, not expired, and may read this repository; and that the name is spelled right.",
            host(&case.container.image)
        ))
}

/// A Secret in imagePullSecrets that does not exist: the kubelet says so in an event, or all Secrets are known.
fn missing_secret(case: &Case, said: &[Said]) -> Option<String> {
    let pod = case.pod;
    let in_event = |name: &&String| {
        said.iter().any(|s| s.reason == "FailedToRetrieveImagePullSecret" && s.text.contains(name.as_str()))
    };
    let unknown = |name: &&String| {
        case.cluster.complete("Secret", Some(&pod.namespace))
            && case.cluster.config("Secret", &pod.namespace, name).is_none()
    };
    pod.image_pull_secrets.iter().find(|n| in_event(n) || unknown(n)).cloned()
}

fn absent(case: &Case, said: &[Said], name: &str, finding: Finding) -> Finding {
    let ns = &case.pod.namespace;
    let finding = match said.iter().find(|s| s.reason == "FailedToRetrieveImagePullSecret") {
        Some(s) => finding.evidence(s.evidence()),
        None => finding.evidence(Evidence::new(Source::Config, format!("Secret {ns}/{name} does not exist"))),
    };
    finding
        .blame(RootCause {
            api_version: "v1".into(),
            kind: "Secret".into(),
            namespace: ns.clone(),
            name: name.to_owned(),
            workload: None,
            summary: "named in imagePullSecrets, but it does not exist".into(),
        })
        .advise_command(
            format!("The pull secret {name} does not exist in namespace {ns}; make it:"),
            create(case, name),
        )
}

fn without(case: &Case, finding: Finding) -> Finding {
    let mut finding = finding.evidence(Evidence::new(Source::PodSpec, "the pod has no imagePullSecrets"));
    let name = match sibling(case) {
        Some(sibling) => {
            let w = &sibling.workload;
            let names = sibling.image_pull_secrets.join(", ");
            finding = finding
                .evidence(
                    Evidence::new(
                        Source::Workload,
                        format!("{} {} pulls from the same registry with imagePullSecrets: {names}", w.kind, w.name),
                    )
                    .of(format!("{} {}/{}", w.kind, sibling.namespace, w.name)),
                )
                .blame(blame_workload(
                    case,
                    format!("its pod template has no imagePullSecrets; {} {} has {names}", w.kind, w.name),
                ));
            sibling.image_pull_secrets.first().cloned().unwrap_or_default()
        }
        None => String::new(),
    };
    if name.is_empty() {
        finding.advise_command(
            "If the image is private, give the pod credentials: make a Secret and name it in imagePullSecrets of the pod template (or of the service account). If it is public, check the name: registries also say this of repositories that do not exist.",
            create(case, "regcred"),
        )
    } else {
        finding.advise(format!(
            "Add imagePullSecrets: [{{name: {name}}}] to the pod template of {}.",
            case.kubectl_workload()
        ))
    }
}

/// A pod of another workload in the namespace that runs an image of the same registry by a pull secret.
fn sibling<'a>(case: &Case<'a>) -> Option<&'a Pod> {
    let registry = host(&case.container.image);
    let runs = |p: &Pod| {
        p.containers.iter().any(|c| {
            host(&c.image) == registry
                && (matches!(c.status.state, State::Running { .. }) || !c.status.image_id.is_empty())
        })
    };
    case.cluster.pods.iter().find(|p| {
        p.namespace == case.pod.namespace
            && p.workload != case.pod.workload
            && !p.image_pull_secrets.is_empty()
            && runs(p)
    })
}

fn create(case: &Case, name: &str) -> String {
    let registry = match host(&case.container.image) {
        "Docker Hub" => "docker.io",
        other => other,
    };
    format!(
        "kubectl -n {} create secret docker-registry {name} --docker-server={registry} --docker-username=USER --docker-password=PASSWORD",
        case.pod.namespace
    )
}
