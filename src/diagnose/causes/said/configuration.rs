//! InvalidConfiguration: a configuration is there, but wrong or unparsable.

use super::{Told, place, said, tell};
use crate::diagnose::log::{Concept, Failure};
use crate::diagnose::{Case, Finding, Reason, Source, words};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::InvalidConfiguration, told)
}

const OTHER_CLUSTER: &str = "The volume holds the data of another (or an earlier) cluster: where nothing on it is needed, let this member start on an empty one (delete its claim and pod); else give it back the volume of its own cluster.";

/// (words of a wide-spread mistake, what helps against it)
const KNOWN: &[(&[&str], &str)] = &[
    (
        &["detected for zone"],
        "The name server forwards to itself: its /etc/resolv.conf names a local stub such as 127.0.0.53. Let the kubelet use the real file (resolvConf: /run/systemd/resolve/resolv.conf), or name an upstream in the Corefile: forward . 1.1.1.1",
    ),
    (
        &["rgument list too long"],
        "The environment is larger than the kernel takes. Set enableServiceLinks: false in the pod's spec (the kubelet adds seven variables for each Service of the namespace); look for large values from ConfigMaps and Secrets, which are better mounted as files.",
    ),
    (
        &["exists but is not empty"],
        "Use a folder below the mount point (PostgreSQL: PGDATA=/var/lib/postgresql/data/pgdata), or mount with subPath; a new disk has a lost+found folder.",
    ),
    (
        &["already ", " by a"],
        "Two processes use the same files: give each pod a volume of its own (volumeClaimTemplates), and let a Deployment with one volume replace its pod by strategy Recreate.",
    ),
    (&["belong", "cluster"], OTHER_CLUSTER),
    (&["system ID mismatch"], OTHER_CLUSTER),
    (&["cluster", "match"], OTHER_CLUSTER),
    (
        &["address", "found", "no "],
        "Tell it which interface or address to give to the others (a setting such as advertise address, bind or interface names; the downward API's status.podIP): of itself it takes private addresses only.",
    ),
    (
        &["version", "compatible"],
        "Use a release of the program that supports the version that it meets here, or upgrade what it runs on.",
    ),
    (
        &["no configuration has been provided"],
        "Inside the cluster a client needs its service account's token: automountServiceAccountToken must not be false for the pod or its service account. From elsewhere, give it a kubeconfig.",
    ),
    (
        &["initialize the database"],
        "Run the program's migration first (a Job, an init container or the chart's hook), and look at how that ended if it ran already.",
    ),
    (
        &["topic"],
        "Create the topic on that broker (topic creation by clients is often switched off), or correct its name in the settings.",
    ),
    (
        &["opic", "available"],
        "Create the topic on that broker (topic creation by clients is often switched off), or correct its name in the settings.",
    ),
    (
        &["extension"],
        "The database server lacks that extension: run a database image that brings it (the file is looked for on the server), and create it there with a user that may.",
    ),
    (
        &["icense", "xpired"],
        "Get a new licence key and put it where the pod reads it (Secret or variable); a changed Secret reaches environment variables only with a new pod.",
    ),
    (
        &["ecrypt"],
        "The key is not the one that the data was encrypted with: give it the old key again (the Secret or variable of before), or set the encrypted values anew.",
    ),
    (&["no such index"], "Create the index first, or correct its name in the settings."),
    (
        &["database \"", "does not exist"],
        "Create the database on that server, or correct its name in the connection URL that the program is given.",
    ),
    (
        &["nknown database"],
        "Create the database on that server, or correct its name in the connection URL that the program is given.",
    ),
];

/// `tcp://10.96.4.7:8080`, the form in which the kubelet writes a Service into `NAME_PORT`.
fn service_link(quote: &str) -> Option<&str> {
    let at = ["tcp://", "udp://"].iter().find_map(|scheme| quote.find(scheme))?;
    let rest = &quote[at..];
    let address = &rest[6..];
    let len = address.bytes().take_while(|b| b.is_ascii_digit() || b".:".contains(b)).count();
    let (ip, port) = address[..len].trim_end_matches(['.', ':']).split_once(':')?;
    let plain = ip.split('.').filter(|n| n.parse::<u8>().is_ok()).count() == 4 && port.parse::<u16>().is_ok();
    plain.then(|| &rest[..6 + ip.len() + 1 + port.len()])
}

/// A Service's link that the program took for a number, with the line that shows it: in the failure's own words, or in the lines
/// behind it, where a runtime lists what was given.
pub(super) fn mistaken_link(case: &Case, failure: &Failure) -> Option<(String, String)> {
    const BEHIND: usize = 12;
    const NUMBER: &[&str] = &["integer", "number", "numeric", "parse", "int(", "atoi", "strconv", "digit"];
    let text = &case.crash_log()?.text;
    let lines: Vec<&str> = text.lines().skip(failure.line).take(BEHIND).collect();
    let (shown, link) = lines.iter().find_map(|l| Some((*l, service_link(l)?)))?;
    let all = lines.join(" ").to_ascii_lowercase();
    NUMBER.iter().any(|w| all.contains(w)).then(|| (link.to_owned(), words::cut(shown.trim(), 300)))
}

/// The value comes from no configuration of the user's: every Service of the namespace gives each pod such variables.
fn linked(case: &Case, told: Told, link: &str) -> Told {
    let ip = link[6..].split(':').next().unwrap_or_default();
    let service = case
        .cluster
        .services
        .iter()
        .find(|s| s.namespace == case.pod.namespace && s.cluster_ips.iter().any(|own| own == ip));
    let told = match service {
        Some(s) => {
            let variable = s.name.to_ascii_uppercase().replace(['-', '.'], "_");
            told.evidence(Source::Service, format!("Service {} makes the kubelet set {variable}_PORT={link}", s.name))
        }
        None => told,
    };
    let patch = matches!(case.pod.workload.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet").then(|| {
        format!(
            "kubectl -n {} patch {} -p '{{\"spec\":{{\"template\":{{\"spec\":{{\"enableServiceLinks\":false}}}}}}}}'",
            case.pod.namespace,
            case.kubectl_workload()
        )
    });
    told.advise_command(
        format!("{link} is what the kubelet injects for a Service whose name fits the program's variable (NAME_PORT): switch that off,"),
        patch,
    )
    .advise("or set the variable itself in the container's env, or give the Service another name.")
}

fn sentence(failure: &Failure) -> String {
    let database = failure.quote.contains("database \"") || failure.quote.contains("nknown database");
    if failure.quote.contains("rgument list too long") {
        return format!("its environment and arguments are too large to start a process ({})", said(failure));
    }
    match failure.subject.as_deref().filter(|_| database) {
        Some(name) => format!("the database {name} does not exist on its server ({})", said(failure)),
        None => format!("its configuration is not accepted: {}", said(failure)),
    }
}

fn told(case: &Case, failure: &Failure) -> Told {
    let quote = &failure.quote;
    if service_link(quote).is_none()
        && let Some((link, line)) = mistaken_link(case, failure)
    {
        let told = Told::new(format!("it takes {link} for a number ({})", said(failure)));
        return linked(case, told.evidence(Source::Log, line), &link);
    }
    if quote.contains("no matches for kind") || quote.contains("could not find the requested resource") {
        return Told::new(format!("the cluster does not know a kind of object that it needs ({})", said(failure))).advise_command(
            "Install the CustomResourceDefinitions of this version first (charts often have a switch such as installCRDs or a crds/ folder):",
            Some("kubectl get crds".to_owned()),
        );
    }
    let told = Told::new(sentence(failure));
    let told = match failure.subject.as_deref().filter(|s| s.starts_with('/')).and_then(|p| place::mount_of(case, p)) {
        Some(mount) => told.evidence(Source::PodSpec, place::describe(case, mount)),
        None => told,
    };
    let env = failure.subject.as_deref().and_then(|s| case.container.env(s));
    let told = match env {
        Some(e) => told
            .evidence(Source::PodSpec, format!("env {}={}", e.name, e.value.as_deref().unwrap_or("(from elsewhere)"))),
        None => told,
    };
    if let Some(link) = service_link(quote) {
        return linked(case, told, link);
    }
    let told = if failure.concept == Concept::EnvMissing { told.but("the variable is set in the spec") } else { told };
    if let Some((_, advice)) = KNOWN.iter().find(|(row, _)| row.iter().all(|w| quote.contains(w))) {
        return told.advise(*advice);
    }
    told.advise("Correct the value that the message names, and check it with the program's own validation where it has one (nginx -t, promtool check config, haproxy -c, --dry-run).")
        .advise("If it came with an upgrade, read the release notes for renamed and removed settings.")
}

#[cfg(test)]
mod tests {
    use crate::diagnose::Reason;
    use crate::diagnose::testing::World;

    #[test]
    fn the_link_of_a_service_in_the_lines_behind_an_exception() {
        let found = |log: &str| World::new().crashed(1, "Error", 2).log(log).diagnose();
        for log in [
            "** (ArgumentError) errors were found at the given arguments:\n\n  * 1st argument: not a textual representation of an integer\n\n    :erlang.binary_to_integer(\"tcp://10.96.174.248:5432\")\n    /app/runtime.exs:37: (file)\n",
            "panic: bad setting\n\ngoroutine 1 [running]:\nmain.port({0xc000, 0x18}) strconv.Atoi(\"tcp://10.96.1.7:80\")\n",
        ] {
            let found = found(log);
            assert_eq!(found.reason, Reason::InvalidConfiguration, "{}", found.summary);
            assert!(found.summary.contains("tcp://10.96."), "{}", found.summary);
            assert!(found.remediation[0].command.as_deref().is_some_and(|c| c.contains("enableServiceLinks")));
        }
        // An address among a stack's arguments is no value that was not to be read.
        let log = "panic: worker pool is closed\n\ngoroutine 1 [running]:\nmain.dial(\"tcp://10.96.1.7:80\")\n";
        assert_ne!(found(log).reason, Reason::InvalidConfiguration);
    }
}
