//! The layers keep to their own: data flows one way, and the engine stays pure. One package has no crate edges to enforce
//! that, so this test reads the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// (layer, words that must not stand in its code outside of comments and tests, why)
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "src/diagnose",
        &[
            "k8s_openapi",
            "kube::",
            "tokio",
            "async fn",
            ".await",
            "std::fs",
            // parsing an address (std::net::IpAddr) is pure; a socket is not
            "TcpStream",
            "UdpSocket",
            "ToSocketAddrs",
            "std::env",
            "Timestamp::now",
            "SystemTime",
            "Instant::now",
            "crate::evidence",
            "crate::watch",
            "crate::collect",
            "crate::report",
            "crate::cli",
        ],
        "the engine is pure: facts in, findings out",
    ),
    (
        "src/evidence",
        &[
            "kube::",
            "tokio",
            "async fn",
            ".await",
            "Timestamp::now",
            "SystemTime",
            "crate::collect",
            "crate::report",
            "crate::cli",
        ],
        "evidence turns objects and bytes into facts, without a client or a clock",
    ),
    (
        "src/collect",
        &["crate::report", "crate::cli"],
        "data flows one way: watch -> collect -> evidence -> diagnose -> report",
    ),
    ("src/report", &["crate::collect", "crate::watch", "crate::cli"], "data flows one way"),
];

#[test]
fn layers_import_only_what_they_may() {
    let mut broken = Vec::new();
    let mut read = 0;
    for (layer, words, why) in FORBIDDEN {
        for file in rust_files(Path::new(layer)) {
            read += 1;
            let text = fs::read_to_string(&file).expect("a source file is readable");
            for (n, line) in code_lines(&text) {
                if let Some(word) = words.iter().find(|w| line.contains(**w)) {
                    broken.push(format!("{}:{}: {word} ({why})", file.display(), n + 1));
                }
            }
        }
    }
    assert!(read > 10, "only {read} files were read: the layers have moved, so this test must follow");
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// Lines of code: no comments, nothing from the in-file test module on.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, l)| !l.starts_with("#[cfg(test)]") && !l.starts_with("mod tests"))
        .filter(|(_, l)| !l.trim_start().starts_with("//"))
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())).flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|x| x == "rs") && path.file_name().is_some_and(|n| n != "testing.rs") {
            found.push(path);
        }
    }
    found
}
