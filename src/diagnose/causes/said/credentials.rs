//! DependencyAuthFailed: another service, or the API server's RBAC, refused the credentials.

use super::{Told, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::DependencyAuthFailed, words)
}

/// (words of systems with rules of their own, what to look at)
const KINDS: &[(&[&str], &str)] = &[
    (
        &[
            "assumerole",
            "webidentity",
            "arn:aws",
            "sts:",
            "iam:",
            "eks.amazonaws",
            "nocredentialproviders",
            "ec2 imds",
            "invalidaccesskeyid",
            "signaturedoesnotmatch",
        ],
        "Check the IAM role: the annotation eks.amazonaws.com/role-arn of the service account, the role's trust policy (OIDC provider, namespace and name of the service account) and its permissions.",
    ),
    (
        &["host key verification", "known_hosts"],
        "Give it the server's host key: a known_hosts file (ssh-keyscan HOST) in the Secret that is mounted.",
    ),
    (
        &["publickey", "could not read from remote repository"],
        "Check the SSH key in the Secret: right key, allowed at the server, mode 0400, and readable for the process's user.",
    ),
    (
        &["workload identity", "google", "gcp", "default credentials"],
        "Check the identity that the pod has: the service account's annotation (Workload Identity), its roles, or the mounted key file.",
    ),
    (
        &["azure", "aadsts", "managed identity"],
        "Check the identity that the pod has: workload identity labels and annotations, the federated credential, its role assignments.",
    ),
];

/// Nobody refused them: there are none.
fn has_none(quote: &str) -> bool {
    [
        "unable to locate credentials",
        "nocredential",
        "no credentials",
        "could not find credentials",
        "could not load the default credentials",
        "could not load credentials",
    ]
    .iter()
    .any(|w| quote.contains(w))
}

fn words(case: &Case, failure: &Failure) -> Told {
    if let Some((account, verb, resource)) = rbac(failure) {
        return rbac_words(case, failure, &account, &verb, &resource);
    }
    let who = failure.subject.as_deref().map_or_else(String::new, |s| format!(" of {s}"));
    let at = failure.target.as_ref().map_or_else(String::new, |t| format!(" at {}", t.host));
    let told = if has_none(&failure.quote.to_ascii_lowercase()) {
        Told::new(format!("it finds no credentials ({})", said(failure)))
            .advise("Give the pod an identity (the role or workload identity of its service account), or the credentials by env or a mounted Secret.")
    } else {
        Told::new(format!("the credentials{who} are refused{at} ({})", said(failure)))
    };
    let secrets: Vec<String> = case
        .container
        .env
        .iter()
        .filter_map(|e| {
            e.from
                .as_ref()
                .filter(|f| f.kind == "Secret")
                .map(|f| format!("{} from Secret {}, key {}", e.name, f.name, f.key))
        })
        .take(4)
        .collect();
    let told = secrets.into_iter().fold(told, |t, s| t.evidence(Source::PodSpec, format!("env {s}")));
    let quote = failure.quote.to_ascii_lowercase();
    if let Some((_, advice)) = KINDS.iter().find(|(words, _)| words.iter().any(|w| quote.contains(w))) {
        return told.advise(*advice);
    }
    let database =
        ["password", "role \"", "user '", "login", "wrongpass", "noauth", "pg_hba"].iter().any(|w| quote.contains(w));
    let told = told.advise("Compare user and password (or token) that the pod is given with what the server knows; a changed Secret reaches environment variables only with a new pod.");
    if !database {
        return told;
    }
    told.advise("A database keeps the password of its first start on its volume: a new password in a Secret does not change it there.")
}

/// Account, verb and resource of an API server's refusal.
fn rbac(failure: &Failure) -> Option<(String, String, String)> {
    let quote = &failure.quote;
    let (_, rest) = quote.split_once("cannot ")?;
    let (verb, rest) = rest.split_once(' ')?;
    let resource = rest.strip_prefix("resource \"")?.split('"').next()?;
    let account = quote.split("User \"").nth(1).and_then(|u| u.split('"').next()).unwrap_or("its service account");
    Some((account.to_owned(), verb.to_owned(), resource.to_owned()))
}

fn rbac_words(case: &Case, failure: &Failure, account: &str, verb: &str, resource: &str) -> Told {
    let ns = &case.pod.namespace;
    let cluster = failure.quote.contains("at the cluster scope");
    let told = Told::new(format!("the API server forbids {account} to {verb} {resource}"));
    let told = match case.pod.service_account.as_deref() {
        Some(name) => told.evidence(Source::PodSpec, format!("serviceAccountName: {name}")),
        None => told,
    };
    let scope = if cluster { "a ClusterRole and a ClusterRoleBinding" } else { "a Role and a RoleBinding" };
    told.advise_command(
        format!("Give its service account the right, by {scope} (or the chart's RBAC setting):"),
        Some(format!(
            "kubectl auth can-i {verb} {resource} --as={account}{}",
            if cluster { " -A".to_owned() } else { format!(" -n {ns}") }
        )),
    )
}
