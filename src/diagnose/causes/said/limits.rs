//! ProcessLimitExceeded: no more processes, threads or open files were allowed.

use super::{Told, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::ProcessLimitExceeded, words)
}

/// The setting of the node's kernel that the line names: `/proc/sys/fs/file-max` is `fs.file-max`.
fn kernel_setting(failure: &Failure) -> Option<String> {
    let named = failure.subject.as_deref()?;
    match named.strip_prefix("/proc/sys/") {
        Some(path) => Some(path.replace('/', ".")),
        None => Some(named.to_owned()).filter(|n| n.starts_with("fs.")),
    }
}

fn words(_case: &Case, failure: &Failure) -> Told {
    let quote = failure.quote.to_ascii_lowercase();
    let told = Told::new(format!("a limit of the system is reached ({})", said(failure)));
    if quote.contains("inotify") || quote.contains("watch") {
        return told.advise("Raise fs.inotify.max_user_instances and fs.inotify.max_user_watches on the node (sysctl): they count per user over all its containers.");
    }
    if let Some(setting) = kernel_setting(failure) {
        return told.advise(format!(
            "Raise {setting} on the node (sysctl -w {setting}=…, and in /etc/sysctl.d): all its containers share that number. Or let the program take less of it (fewer threads or shards)."
        ));
    }
    if quote.contains("map_count") || quote.contains("virtual memory areas") {
        return told.advise("Set vm.max_map_count to at least 262144 on the node (sysctl -w vm.max_map_count=262144, or a privileged init container).");
    }
    if quote.contains("file") || quote.contains("emfile") || quote.contains("enfile") {
        return told.advise("Raise the limit of open files of the container runtime's service (LimitNOFILE), or find the leak of descriptors (ls /proc/1/fd). A program that fails so at its very start may lack an inotify instance: fs.inotify.max_user_instances of the node counts over all its containers.");
    }
    told.advise("Compare the number of threads with the kubelet's podPidsLimit and the node's kernel.pid_max; find what starts them without end.")
}
