//! The scenarios' own checks that need no cluster: `make scenarios` runs the scenarios themselves.

use std::process::Command;

fn python(args: &[&str]) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
    let out = Command::new("python3").args(args).current_dir(root).output().expect("python3 runs");
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "python3 {args:?}:\n{said}");
}

/// Every row of the guide has a scenario, every expectation file is sound, and docs/guide-coverage.md is what they say.
#[test]
fn each_row_of_the_guide_is_proved() {
    python(&["coverage", "--check"]);
}

/// The runner's comparison of row and expectation.
#[test]
fn the_runner_sees_what_is_wrong() {
    python(&["-m", "unittest", "-q", "lib.test_expect"]);
}
