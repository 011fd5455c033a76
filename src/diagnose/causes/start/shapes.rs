//! The shapes of runtime errors at create and start, as data: which words, which reason, what they mean, what to do.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::{Confidence, Reason};

/// One shape of message: all of `has` occur (in lower case), none of `not`.
pub struct Shape {
    has: &'static [&'static str],
    not: &'static [&'static str],
    /// It must be about running the program itself.
    program: bool,
    pub reason: Reason,
    pub confidence: Confidence,
    /// What it means; `{}` is the path, command or name that the message speaks of, `{why}` its innermost words.
    pub means: &'static str,
    pub advice: &'static str,
}

const fn shape(
    has: &'static [&'static str],
    not: &'static [&'static str],
    reason: Reason,
    confidence: Confidence,
    means: &'static str,
    advice: &'static str,
) -> Shape {
    Shape { has, not, program: false, reason, confidence, means, advice }
}

const fn program(
    has: &'static [&'static str],
    reason: Reason,
    confidence: Confidence,
    means: &'static str,
    advice: &'static str,
) -> Shape {
    Shape { has, not: &[], program: true, reason, confidence, means, advice }
}

/// Words that a runtime uses for running the program: runc `exec: "/app"`, `exec /app`, docker `exec user process caused`, crun
/// `open executable`, ``exec container process `/app` ``. The bare word proves nothing: it is part of paths and names.
static PROGRAM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?:^|[\s:("])exec:? \\*["'`/.]|exec (?:user|container) process|open executable|failed to load /"#)
        .ok()
});

/// The first shape that fits. What the kubelet says while it prepares the container (`by_kubelet`) is never about the image's
/// files: it has only looked at the node's.
pub fn of(text: &str, by_kubelet: bool) -> Option<&'static Shape> {
    let lower = text.to_lowercase();
    let about_program = PROGRAM.as_ref().is_some_and(|r| r.is_match(&lower));
    let in_image = |s: &Shape| matches!(s.reason, Reason::EntrypointNotFound | Reason::EntrypointNotExecutable);
    SHAPES.iter().filter(|s| !(by_kubelet && in_image(s))).find(|s| {
        s.has.iter().all(|w| lower.contains(w))
            && !s.not.iter().any(|w| lower.contains(w))
            && (about_program || !s.program)
    })
}

use Confidence::{Certain, Likely, Possible};

/// First match wins: the specific shapes stand before the general ones.
#[rustfmt::skip]
static SHAPES: &[Shape] = &[
    // Memory and processes.
    shape(&["oom-killed"], &[], Reason::MemoryLimitExceeded, Certain, "the memory limit is too small even for the container's init process", "Raise the memory limit: the runtime itself needs several MiB before the program starts."),
    shape(&["memory limit too low"], &[], Reason::MemoryLimitExceeded, Certain, "the memory limit is too small even to start a process", "Raise the memory limit."),
    shape(&["cpu.cfs_quota_us", "invalid argument"], &[], Reason::RuntimeFailure, Likely, "the pod's cgroup on the node does not allow the CPU quota that the container asks for", "The quotas of pod and container do not fit each other there (limits that were changed or rounded; faults of old kubelets and runtimes): let the pod be made anew, on another node if need be, and update kubelet and runtime."),
    shape(&["cpu.max", "invalid argument"], &[], Reason::RuntimeFailure, Likely, "the node's kernel does not take the CPU quota that the container asks for", "Let the pod be made anew, on another node if need be; check its CPU limit, and the kernel, kubelet and runtime of the node."),
    shape(&["minimum memory limit allowed"], &[], Reason::MemoryLimitExceeded, Certain, "the memory limit is below the runtime's minimum", "Raise the memory limit."),
    shape(&["memory.limit_in_bytes", "device or resource busy"], &[], Reason::MemoryLimitExceeded, Likely, "the memory limit is less than what the start alone uses", "Raise the memory limit."),
    shape(&["cgroup", "no space left on device"], &[], Reason::RuntimeFailure, Likely, "the node cannot make more cgroups", "Look at the node: leaked cgroups of ended containers; draining and rebooting it helps until the kernel or runtime is updated."),
    shape(&["cgroup", "cannot allocate memory"], &[], Reason::RuntimeFailure, Likely, "the kernel of the node cannot make another cgroup (leaked ones of ended containers fill its memory)", "Move the pod to another node; drain and reboot this one. Old kernels leak cgroups: update it."),
    shape(&["expected cgroupspath to be of format"], &[], Reason::RuntimeFailure, Certain, "kubelet and container runtime of the node use different cgroup drivers", "Set the same cgroup driver in both (kubelet cgroupDriver: systemd, containerd SystemdCgroup = true)."),
    shape(&["cgroup", "mountpoint does not exist"], &[], Reason::RuntimeFailure, Likely, "the node's cgroup hierarchy is not what its runtime expects", "Look at the node: cgroup v1 or v2 mounted, and a runtime that knows it."),
    shape(&["unable to apply cgroup configuration"], &[], Reason::RuntimeFailure, Likely, "the runtime cannot set up the container's cgroup on the node", "Look at the node: the runtime's log, and the cgroup that the message names."),
    shape(&["bpf_prog"], &[], Reason::RuntimeFailure, Likely, "the runtime cannot set the device rules of the container's cgroup (BPF) on the node", "Update kernel or runtime of the node; nested containers need a privileged host container."),
    shape(&["no space left on device"], &[], Reason::DiskFull, Certain, "the node's disk is full", "Free space on the node (images, logs, emptyDir volumes), or give it a larger disk."),
    shape(&["resource temporarily unavailable"], &[], Reason::ProcessLimitExceeded, Likely, "the node or pod may not have more processes", "Raise the pid limit of the kubelet (podPidsLimit) or find what leaks processes."),
    shape(&["too many open files"], &[], Reason::ProcessLimitExceeded, Likely, "the runtime ran out of file handles on the node", "Raise the file limits (fs.inotify, LimitNOFILE of the runtime) on the node."),
    shape(&["setting rlimits", "operation not permitted"], &[], Reason::PermissionDenied, Likely, "a limit (rlimit) that the image or runtime asks for may not be set", "Lower the ulimit that is asked for, or grant SYS_RESOURCE."),
    // Devices, hooks and security modules of the node. They speak of programs too, so they stand before those of the pod's program.
    shape(&["nvidia-container-cli", "requirement error"], &[], Reason::RuntimeFailure, Likely, "the NVIDIA driver of the node is older than what the image needs", "Use a node with a newer driver, or an image built for an older CUDA."),
    shape(&["nvidia-container-cli", "driver not loaded"], &[], Reason::RuntimeFailure, Likely, "the NVIDIA driver is not loaded on the node", "Load or reinstall the driver on the node (after a kernel update its module must be built anew); nvidia-smi there shows it."),
    shape(&["nvidia-container-cli"], &[], Reason::RuntimeFailure, Likely, "the NVIDIA runtime hook fails on the node: {why}", "Check driver and container toolkit on the node (nvidia-smi there)."),
    shape(&["nvidia-container-runtime", "executable file not found"], &[], Reason::RuntimeFailure, Certain, "the NVIDIA runtime is configured on the node but not installed", "Install the NVIDIA container toolkit on the node, or take the runtime out of its configuration."),
    shape(&["cdi device"], &[], Reason::RuntimeFailure, Likely, "the runtime of the node does not know the device that the container got (CDI)", "Look at the node: the device plugin or DRA driver writes /etc/cdi and /var/run/cdi; restart it."),
    shape(&["could not select device driver"], &[], Reason::RuntimeFailure, Likely, "the runtime of the node has no driver for the device", "Install the device's container toolkit on the node."),
    shape(&["hook", "exit status"], &[], Reason::RuntimeFailure, Likely, "a hook of the container runtime fails on the node: {why}", "Look at the node: the hook that the message names, and the runtime's log."),
    shape(&["running hook"], &[], Reason::RuntimeFailure, Likely, "a hook of the container runtime fails on the node", "Look at the node: the hook that the message names, and the runtime's log; `signal: killed` means that the node or the pod's cgroup has no memory for it."),
    shape(&["executing hook"], &[], Reason::RuntimeFailure, Likely, "a hook of the container runtime fails on the node", "Look at the node: the hook that the message names, and the runtime's log."),
    shape(&["unable to retrieve oci runtime error"], &[], Reason::RuntimeFailure, Likely, "the node's runtime (runc) itself does not run", "Look at the node: is runc there, whole, and for this system (runc --version)? Is the disk full?"),
    shape(&["gathering device information", "no such file"], &[], Reason::NodeFault, Likely, "a device that the container asks for is not on the node", "Schedule it to a node that has the device, or load its driver."),
    shape(&["apparmor"], &[], Reason::RuntimeFailure, Likely, "the node cannot apply the AppArmor profile", "Load the profile on the node, or use RuntimeDefault."),
    shape(&["seccomp"], &[], Reason::RuntimeFailure, Likely, "the node cannot apply the seccomp profile ({why})", "Put the profile on every node where the pod may run (below the kubelet's folder seccomp/), or use RuntimeDefault."),
    shape(&["attr/keycreate"], &[], Reason::RuntimeFailure, Likely, "the node cannot apply the SELinux label", "Compare seLinuxOptions with the node's policy; a relabel or the container-selinux package may be missing there."),
    shape(&["unknown capability"], &[], Reason::InvalidConfiguration, Certain, "securityContext.capabilities names {}, which is no capability", "Correct the name; Kubernetes writes capabilities without CAP_ (NET_ADMIN)."),
    shape(&["setenv: invalid argument"], &[], Reason::InvalidConfiguration, Likely, "an environment variable has a name or value that no process can take (a NUL byte, an empty name)", "Look at the values from ConfigMaps and Secrets: binary data, or text that was encoded twice."),
    shape(&["argument list too long"], &[], Reason::InvalidConfiguration, Likely, "its environment and arguments are too large to start a process", "Set enableServiceLinks: false (the kubelet adds variables for each Service of the namespace); mount large values as files."),
    shape(&["sethostname"], &[], Reason::InvalidConfiguration, Likely, "the pod's host name is not accepted by the kernel (64 characters at most)", "Set spec.hostname, or shorten the name that it is made from (with hostNetwork: the node's)."),
    shape(&["final child's pid from pipe"], &[], Reason::RuntimeFailure, Likely, "the runtime's first process died before it could start the container", "Look at the node: user.max_user_namespaces, pids and memory left (dmesg), and a memory limit of a few MiB."),
    shape(&["services have not yet been read"], &[], Reason::RuntimeFailure, Likely, "the kubelet has not been able to list Services yet, so it cannot write their environment variables", "Look at the node: the kubelet's log, its certificate and rights at the API server; right after its start this passes by itself."),
    shape(&["/proc/sys/", "no such file"], &[], Reason::InvalidConfiguration, Likely, "the node's kernel does not have a sysctl that the pod sets", "Correct securityContext.sysctls, or load the kernel module that brings the setting."),
    // Mounts.
    shape(&["are you trying to mount a directory onto a file"], &[], Reason::MountPathConflict, Certain, "a directory is mounted over a file (or the reverse) at {}", "Mount one key with subPath, or mount the volume at a directory of its own."),
    shape(&["mount", "not a directory"], &["nfs", "exit status"], Reason::MountPathConflict, Certain, "a directory is mounted over a file (or the reverse) at {}: not a directory", "Mount the single file with subPath and the full file path as mountPath, or mount the volume at a directory of its own."),
    shape(&["mounting", "read-only file system"], &[], Reason::MountPathConflict, Certain, "the runtime cannot make the mount point {} because what lies around it is read-only", "Do not mount below a volume that is mounted read-only; use a projected volume to join both sources, or a path outside of it."),
    shape(&["create mountpoint", "read-only file system"], &[], Reason::MountPathConflict, Certain, "the runtime cannot make the mount point {} because what lies around it is read-only", "Do not mount below a volume that is mounted read-only; use a projected volume to join both sources, or a path outside of it."),
    shape(&["mount", "is a directory"], &[], Reason::MountPathConflict, Likely, "a file is mounted over a directory at {}", "Compare mountPath and subPath with what the image has at that path."),
    shape(&["subpath", "not a directory"], &[], Reason::MountPathConflict, Likely, "the subPath of a mount is not what the mount needs (file and directory are mixed up)", "Compare subPath with what is in the volume."),
    shape(&["failed to prepare subpath"], &[], Reason::VolumeMountFailed, Likely, "the subPath of a mount cannot be prepared in the volume", "Look at the volume: does the subPath exist, and may it be created there?"),
    shape(&["failed to create subpath"], &[], Reason::VolumeMountFailed, Likely, "the subPath of a mount cannot be created in the volume", "Look at the volume: may the subPath be created there?"),
    shape(&["cannot find volume", "to mount"], &[], Reason::VolumeMountFailed, Certain, "a mount names a volume that the pod does not have", "Compare volumeMounts with volumes in the spec."),
    shape(&["mounting", "volume-subpaths", "no such file"], &[], Reason::VolumeMountFailed, Likely, "what a subPath was mounted from is gone on the node: its ConfigMap or Secret was changed since the pod came up, or the mount was lost", "Delete the pod: a new one mounts it anew. To be safe mount the whole volume instead of a subPath (old kubelets lose such mounts when the object changes)."),
    shape(&["mounting", "rootfs", "no such file"], &["exec:"], Reason::VolumeMountFailed, Likely, "the runtime cannot mount {}: its source does not exist on the node", "Check that the source exists on the node; a new pod makes the mounts anew."),
    shape(&["error mounting", "permission denied"], &[], Reason::VolumeMountFailed, Likely, "the runtime may not mount {}", "Check the path on the node, SELinux and the export's rights."),
    shape(&["error mounting"], &[], Reason::VolumeMountFailed, Likely, "the runtime cannot mount {}", "Check that the source exists on the node and fits to the path in the image."),
    shape(&["failed to mkdir", "volume-subpaths"], &[], Reason::VolumeMountFailed, Likely, "the runtime does not see the mount that the kubelet made for a subPath: {why}", "Other pods with a subPath tell whether it is this node: look at its kubelet's root folder (mount propagation, file system, kernel). To go on, mount the volume at a folder of its own, without subPath."),
    shape(&["failed to mkdir"], &[], Reason::VolumeMountFailed, Likely, "a path of the node cannot be made for a mount: {why}", "Check the hostPath on the node."),
    shape(&["failed to stat", "no such file or directory"], &["exec:"], Reason::VolumeMountFailed, Likely, "a path of the node that is to be mounted does not exist: {}", "Create it on the node, or use a hostPath of type DirectoryOrCreate."),
    shape(&["failed to stat", "transport endpoint is not connected"], &[], Reason::VolumeMountFailed, Likely, "a mounted network file system on the node is disconnected", "Remount it on the node."),
    shape(&["bind source path does not exist"], &[], Reason::VolumeMountFailed, Likely, "a path of the node that is to be mounted does not exist", "Create it on the node."),
    // The program.
    shape(&["exec format error"], &[], Reason::WrongArchitecture, Certain, "the node cannot execute {}: it is built for another CPU architecture (or is a script without a #! line)", "Build the image for the node's architecture: docker buildx build --platform linux/amd64,linux/arm64 ."),
    shape(&["executable file", "not found"], &[], Reason::EntrypointNotFound, Certain, "the command {} is in no directory of the image's $PATH", "Correct command/args, or add {} to the image."),
    shape(&["cannot find `", "in $path"], &[], Reason::EntrypointNotFound, Certain, "the command {} is in no directory of the image's $PATH", "Correct command/args, or add {} to the image."),
    shape(&["no command specified"], &[], Reason::EntrypointNotFound, Certain, "neither the image nor the spec says what to run", "Set command in the spec, or ENTRYPOINT/CMD in the Dockerfile."),
    shape(&["chdir", "permission denied"], &[], Reason::PermissionDenied, Certain, "the user of the container may not enter its working directory {}", "Let the user enter the directory (image), or set runAsUser/workingDir to fit."),
    shape(&["chdir", "no such file"], &[], Reason::EntrypointNotFound, Likely, "the working directory {} does not exist", "Correct workingDir, or make the directory in the image."),
    shape(&["failed to find initial working directory"], &[], Reason::EntrypointNotFound, Likely, "the working directory {} does not exist", "Correct workingDir, or make the directory in the image."),
    shape(&["mkdir", "not a directory"], &["volumes/"], Reason::InvalidConfiguration, Likely, "the working directory {} is a file in the image", "Correct workingDir in the spec."),
    program(&["is a directory: permission denied"], Reason::EntrypointNotExecutable, Certain, "the entrypoint {} is a directory", "Name the program, not its folder."),
    program(&["is a directory"], Reason::EntrypointNotExecutable, Certain, "the entrypoint {} is a directory", "Name the program, not its folder."),
    program(&["permission denied"], Reason::EntrypointNotExecutable, Certain, "the entrypoint {} may not be executed: it lacks the x bit, or the user may not reach it", "RUN chmod +x in the Dockerfile (or COPY --chmod=755); for a mounted script set defaultMode: 0755, or call it through its interpreter (sh script)."),
    program(&["no such file or directory"], Reason::EntrypointNotFound, Certain, "the entrypoint {} does not exist in the image (or its interpreter, the #! line, does not)", "Correct command/args, or copy {} into the image."),
    program(&["not found"], Reason::EntrypointNotFound, Likely, "the entrypoint {} does not exist in the image", "Correct command/args, or copy {} into the image."),
    shape(&["stat /", "no such file or directory"], &["mounting", "namespace", "cgroup", "stat /var/lib/", "stat /run/", "stat /proc/"], Reason::EntrypointNotFound, Likely, "{} does not exist in the image", "Correct command/args, or copy {} into the image."),
    shape(&["stat /", "no such file or directory"], &["namespace", "cgroup", "stat /run/", "stat /proc/"], Reason::VolumeMountFailed, Likely, "the path {} of the node, which a volume with a subPath is taken from, does not exist there", "Create it on the node (every node that the pod may run on), or give the hostPath volume type DirectoryOrCreate."),
    program(&["input/output error"], Reason::CorruptImage, Likely, "the entrypoint {} cannot be read from the node's disk", "Remove the image from the node and pull it again; check the node's disk."),
    program(&["text file busy"], Reason::RuntimeFailure, Possible, "the entrypoint {} was being written", "It passes by itself; use an image whose start script does not change itself."),
    // Windows (hcsshim).
    shape(&["does not match the", "host"], &["runc"], Reason::WrongArchitecture, Certain, "its image is made for another Windows version than that of the node", "Build the image on a base of the node's Windows version, or choose nodes that fit it (nodeSelector node.kubernetes.io/windows-build)."),
    shape(&["hcs", "cannot find the", "specified"], &[], Reason::EntrypointNotFound, Likely, "its program does not exist in the image: {why}", "Correct command/args and workingDir: the program must be in the image (nanoserver has no PowerShell, for instance)."),
    shape(&["hcs", "createprocess", "access is denied"], &[], Reason::EntrypointNotExecutable, Likely, "its program may not be executed: {why}", "Look at the program's rights in the image and at the user that the container runs as."),
    // Users.
    shape(&["unable to find user"], &[], Reason::CorruptImage, Likely, "the image names the user {}, which its /etc/passwd does not have", "Use a numeric USER in the Dockerfile, or set runAsUser."),
    shape(&["no users found"], &[], Reason::CorruptImage, Likely, "the image names a user that its /etc/passwd does not have", "Use a numeric USER in the Dockerfile, or set runAsUser."),
    shape(&["no matching entries in passwd"], &[], Reason::CorruptImage, Likely, "the image names a user that its /etc/passwd does not have", "Use a numeric USER in the Dockerfile, or set runAsUser."),
    shape(&["unable to find group"], &[], Reason::CorruptImage, Likely, "the image names the group {}, which its /etc/group does not have", "Use numeric ids in the Dockerfile."),
    // The node's disk.
    shape(&["read-only file system"], &[], Reason::NodeFault, Likely, "a disk of the node is read-only", "Look at the node: a file system error makes the kernel mount it read-only (journalctl -k). Drain it."),
    shape(&["input/output error"], &[], Reason::NodeFault, Likely, "a disk of the node cannot be read", "Look at the node: journalctl -k has the disk's errors. Drain it."),
    shape(&["structure needs cleaning"], &[], Reason::NodeFault, Likely, "the file system of the node is damaged", "Drain the node and check its file system."),
    // The runtime itself.
    shape(&["name", "is reserved"], &[], Reason::RuntimeFailure, Certain, "the runtime still holds the container's name from an earlier attempt that hangs", "Look at the node: the runtime is slow or hangs (disk load); restart it there if it does not recover. A volume with very many files takes long as well, where each must be relabelled for SELinux."),
    shape(&["name", "is already in use"], &[], Reason::RuntimeFailure, Certain, "the runtime still holds the container's name from an earlier attempt", "Remove the dead container on the node, or restart its runtime."),
    shape(&["context deadline exceeded"], &[], Reason::RuntimeFailure, Certain, "the container runtime did not answer in time", "Look at the node: load of its disk, the runtime's log. A volume with very many files takes long as well, where each must be relabelled for SELinux."),
    shape(&["ttrpc: closed"], &[], Reason::RuntimeFailure, Likely, "the runtime's shim died", "Look at the node: the runtime's and the kernel's log (was the shim OOM-killed?)."),
    shape(&["shim"], &["runc create failed", "oci runtime"], Reason::RuntimeFailure, Likely, "the runtime's shim fails: {why}", "Look at the node: the runtime's log."),
    shape(&["code = unavailable"], &[], Reason::RuntimeFailure, Likely, "the container runtime is not reachable on the node", "Look at the node: is the runtime running?"),
    shape(&["operation not permitted"], &[], Reason::PermissionDenied, Possible, "the runtime may not set up what the spec asks for: {why}", "Compare securityContext and capabilities with what the node allows."),
];
