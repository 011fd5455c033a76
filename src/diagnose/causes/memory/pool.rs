//! Which memory a runtime says is full: its heap, another pool of its own, a device's memory, or what the system refused it.
//!
//! The words are the runtimes' own: `HotSpot` names the pool after `OutOfMemoryError:`, V8 says `JavaScript heap`, PHP quotes its
//! `memory_limit` in bytes, `PyTorch` and CUDA name the GPU.

use super::MI;
use crate::diagnose::words;

/// A pool of memory: how it is recognised, and what to do about it.
pub(super) struct Pool {
    /// Words of the causal line, lower case; one of them.
    said: &'static [&'static str],
    /// What was full, for the summary.
    pub what: &'static str,
    /// The setting that bounds it, where the container's limit and the heap's size have nothing to do with it.
    own: Option<&'static str>,
    /// How a heap is made larger; `{}` stands for three quarters of the memory limit, in MiB.
    larger: &'static str,
    /// How to find what fills it.
    find: &'static str,
}

const JAVA_DUMP: &str =
    "Or find what fills it: a heap dump names it (-XX:+HeapDumpOnOutOfMemoryError -XX:HeapDumpPath=/dumps).";

/// The first row that fits counts.
const POOLS: &[Pool] = &[
    Pool {
        said: &["cuda", "hip out of memory", "gpu memory", "gpu_mem"],
        what: "The GPU's memory",
        own: Some(
            "Make the model or the batch smaller, let it take a larger share of the GPU, or use a GPU with more memory; the container's memory limit does not count here.",
        ),
        larger: "",
        find: "See what else uses that GPU: nvidia-smi on the node, and other pods that share it.",
    },
    Pool {
        said: &["metaspace", "compressed class space", "permgen"],
        what: "Its memory for classes (Metaspace)",
        own: Some("Raise -XX:MaxMetaspaceSize (or leave it out, and the memory limit bounds it)."),
        larger: "",
        find: "Or find what loads classes again and again: generated proxies, scripts, redeployments (jcmd PID VM.classloader_stats).",
    },
    Pool {
        said: &["direct buffer memory", "outofdirectmemory", "direct memory"],
        what: "Its memory for direct buffers",
        own: Some("Raise -XX:MaxDirectMemorySize (by default as large as the heap), and the memory limit with it."),
        larger: "",
        find: "Or find who keeps the buffers: network and file libraries (Netty: -Dio.netty.leakDetection.level=advanced).",
    },
    Pool {
        said: &["heap limit", "javascript heap", "mark-compacts", "heap out of memory", "err_worker_out_of_memory"],
        what: "Its own heap",
        own: None,
        larger: "NODE_OPTIONS=--max-old-space-size={}",
        find: "Or find what fills it: --heapsnapshot-near-heap-limit=1 writes a snapshot that names it.",
    },
    Pool {
        said: &["java", "gc overhead", "outofmemoryerror"],
        what: "Its own heap",
        own: None,
        larger: "-Xmx{}m or -XX:MaxRAMPercentage=75 (the JVM's default is 25)",
        find: JAVA_DUMP,
    },
    Pool {
        said: &["allowed memory size of"],
        what: "The memory that PHP's memory_limit allows a script",
        own: Some(
            "Raise memory_limit (php.ini, php -d memory_limit=512M, or the image's variable for it), below the container's memory limit divided by the number of workers.",
        ),
        larger: "",
        find: "Or find what takes so much: the script and line stand in the message.",
    },
    Pool {
        said: &["outofmemoryexception"],
        what: "Its own heap",
        own: None,
        larger: "DOTNET_GCHeapHardLimitPercent (in hex; 75 % of the limit is the default)",
        find: "Or find what fills it: dotnet-gcdump or dotnet-dump takes a dump that names it.",
    },
    Pool {
        said: &["memoryerror"],
        what: "The memory that the system gives it",
        own: Some(
            "This runtime has no heap limit of its own: the system refused one allocation. Look for one that is far too large (a size read from input), for a limit on address space (ulimit -v), or raise the memory limit.",
        ),
        larger: "",
        find: "The trace names the line that asked for it.",
    },
];

/// The pool that a line is about.
pub(super) fn of(line: &str) -> Option<&'static Pool> {
    let line = line.to_ascii_lowercase();
    POOLS.iter().find(|p| p.said.iter().any(|w| line.contains(w)))
}

impl Pool {
    /// Whether it is bounded by the heap's size at all.
    pub(super) fn is_heap(&self) -> bool {
        self.own.is_none()
    }

    /// What to change, where the heap's present size is not known.
    pub(super) fn advice(&self, limit: Option<u64>) -> String {
        match (self.own, limit) {
            (Some(own), _) => own.to_owned(),
            (None, Some(limit)) => {
                let part = (limit / 4 * 3 / MI).to_string();
                let larger = self.larger.replace("{}", &part);
                format!(
                    "If the heap is smaller than three quarters of the limit of {}, let it use what is there: {larger}.",
                    words::bytes(limit)
                )
            }
            (None, None) => {
                let larger = self.larger.replace("{}m", "…").replace("{}", "…");
                format!("Allow a larger heap: {larger}; and set a memory limit a third above it.")
            }
        }
    }

    /// How to find what fills it.
    pub(super) fn search(&self) -> &'static str {
        self.find
    }
}
