//! Where in the program's own code it failed: the innermost frame of the last stack trace that is neither runtime nor library.

use std::sync::LazyLock;

use regex::Regex;

/// One runtime's frames: how a line is read, and in which order they stand (innermost first, or last as in Python).
struct Shape {
    regex: &'static str,
    innermost_last: bool,
}

/// Go, Python, Java and Kotlin, Node.js, .NET, Ruby, PHP, Rust.
const SHAPES: &[Shape] = &[
    Shape { regex: r"^\s+(\S+\.go:\d+)", innermost_last: false },
    Shape { regex: r#"^\s*File "([^"]+)", line (\d+)"#, innermost_last: true },
    Shape { regex: r"^\s+at ([\w.$/]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\))", innermost_last: false },
    Shape { regex: r"^\s+at (?:.*\()?(?:file://)?([^()\s]+\.[cm]?[jt]sx?:\d+):\d+\)?", innermost_last: false },
    Shape { regex: r"^\s+at .* in (\S+\.(?:cs|fs|vb)):line (\d+)", innermost_last: false },
    Shape { regex: r"^(?:\s+from )?(\S+\.rb:\d+):in ", innermost_last: false },
    Shape { regex: r"PHP .* in (\S+\.php)(?: on line |:)(\d+)", innermost_last: true },
    Shape { regex: r"panicked at (?:'.*', )?(\S+\.rs:\d+)", innermost_last: true },
];

/// Folders and packages of runtimes, libraries and frameworks.
const FOREIGN: &[&str] = &[
    "/usr/local/go/",
    "/go/pkg/mod/",
    "/vendor/",
    "runtime/",
    "site-packages",
    "dist-packages",
    "/.venv/",
    "/venv/",
    "/lib/python",
    "<frozen",
    "<string>",
    "<stdin>",
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "kotlin.",
    "scala.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
    "org.eclipse.",
    "com.zaxxer.",
    "com.google.",
    "io.netty.",
    "reactor.",
    "node_modules",
    "node:",
    "internal/",
    "/gems/",
    "/rustc/",
    ".cargo/registry",
];

static READ: LazyLock<Vec<(Regex, bool)>> =
    LazyLock::new(|| SHAPES.iter().filter_map(|s| Some((Regex::new(s.regex).ok()?, s.innermost_last))).collect());

/// The file of the newest frame or parser message, its own or not.
pub(super) fn newest(log: &str) -> Option<String> {
    log.lines()
        .rev()
        .take(60)
        .find_map(|line| READ.iter().find_map(|(regex, _)| Some(regex.captures(line)?.get(1)?.as_str().to_owned())))
}

/// `app/server.py:12`, as the trace names it; `None` where there is no trace, or none of the program's own frames in it.
pub(super) fn own(log: &str) -> Option<String> {
    let lines: Vec<&str> = log.lines().rev().take(400).collect();
    let found = READ.iter().filter_map(|(regex, innermost_last)| {
        let mut frames = lines.iter().enumerate().filter_map(|(i, line)| Some((i, place(regex, line)?)));
        // The lines stand newest first here; the block of the last trace is what is joined to its newest frame.
        let (newest, first) = frames.next()?;
        if *innermost_last {
            return Some((newest, first));
        }
        let mut innermost = (newest, first);
        for (i, frame) in frames {
            if i - innermost.0 > 6 {
                break;
            }
            innermost = (i, frame);
        }
        Some((newest, innermost.1))
    });
    found.min_by_key(|(newest, _)| *newest).map(|(_, frame)| frame)
}

fn place(regex: &Regex, line: &str) -> Option<String> {
    let captures = regex.captures(line)?;
    let path = captures.get(1)?.as_str();
    if FOREIGN
        .iter()
        .any(|f| path.starts_with(f) || (f.contains('/') || f.contains('_') || f.contains('-')) && path.contains(f))
    {
        return None;
    }
    Some(match captures.get(2) {
        Some(number) => format!("{path}:{}", number.as_str()),
        None => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn the_programs_own_innermost_frame() {
        for (log, wanted) in [
            (
                "panic: boom\n\ngoroutine 1 [running]:\npanic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:860 +0x13a\nmain.(*server).count(...)\n\t/app/process.go:32\nmain.main()\n\t/app/main.go:34 +0x102\n",
                "/app/process.go:32",
            ),
            (
                "Traceback (most recent call last):\n  File \"/app/server.py\", line 12, in <module>\n    load()\n  File \"/app/load.py\", line 3, in load\n    x = y[1]\n  File \"/usr/lib/python3.11/json/decoder.py\", line 337, in decode\nIndexError: list index out of range\n",
                "/app/load.py:3",
            ),
            (
                "Exception in thread \"main\" java.lang.NullPointerException\n\tat java.base/java.util.Objects.requireNonNull(Objects.java:233)\n\tat com.example.App.run(App.java:42)\n\tat com.example.App.main(App.java:9)\n",
                "com.example.App.run(App.java:42)",
            ),
            (
                "TypeError: x is not a function\n    at load (/app/src/load.js:7:3)\n    at Object.<anonymous> (/app/index.js:2:1)\n    at node:internal/main/run_main_module:23:47\n",
                "/app/src/load.js:7",
            ),
            ("thread 'main' panicked at src/main.rs:4:5:\nindex out of bounds\n", "src/main.rs:4"),
        ] {
            assert_eq!(own(log).as_deref(), Some(wanted));
        }
        assert_eq!(
            own("Traceback (most recent call last):\n  File \"<string>\", line 3, in <module>\nKeyError: 'x'\n"),
            None
        );
        assert_eq!(own("plain words\n"), None);
    }
}
