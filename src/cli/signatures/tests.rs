use super::*;
use crate::diagnose::{Confidence, Reason};

fn loaded(text: &str) -> (Vec<Signature>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.yaml");
    fs::write(&file, text).unwrap();
    let loaded = load(&file);
    let prefix = format!("{}: ", file.display());
    let words = loaded.problems.iter().map(|p| p.to_string().replace(&prefix, "")).collect();
    (loaded.signatures.0.to_vec(), words)
}

#[test]
fn the_example_in_the_documentation_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/signatures.example.yaml");
    let loaded = load(&path);
    assert_eq!(loaded.problems, []);
    let names: Vec<&str> = loaded.signatures.0.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["licence-expired", "vault-sidecar-refused", "exit-78"]);
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/signatures.md")).unwrap();
    assert!(page.contains(&fs::read_to_string(path).unwrap()), "docs/signatures.md shows the example file as it is");
}

#[test]
fn all_fields_are_read() {
    let (found, problems) = loaded(
        "signatures:\n- name: a\n  match: {log: 'x (\\d+)', message: m, exitCode: [1, 2], container: c, image: i}\n  reason: DiskFull\n  \
         confidence: Certain\n  summary: Full $1.\n  remediation: [Clean up., {text: Or grow., command: kubectl edit pvc}]\n  runbook: https://x.example/y\n",
    );
    assert_eq!(problems, Vec::<String>::new());
    let s = &found[0];
    assert_eq!((s.reason, s.confidence, s.exit_codes.as_slice()), (Reason::DiskFull, Confidence::Certain, &[1, 2][..]));
    assert!(s.log.is_some() && s.message.is_some() && s.container.is_some() && s.image.is_some());
    assert_eq!(s.remediation[1].command.as_deref(), Some("kubectl edit pvc"));
    assert_eq!(s.runbook.as_deref(), Some("https://x.example/y"));
}

#[test]
fn a_broken_entry_names_itself_and_its_fields_and_stops_no_other() {
    let (found, problems) = loaded(
        "- {name: good, match: {exitCode: 3}, reason: InvalidConfiguration}\n\
         - {name: bad, match: {log: 'a(', exitCod: 3}, reason: InvalidConfig, summary: $2, runbook: wiki, colour: red}\n\
         - {match: {container: x}}\n\
         - just text\n\
         - {name: good, match: {exitCode: 4}, reason: InvalidConfiguration}\n\
         - {name: everything, match: {log: '.*'}, reason: DiskFull, remediation: [5]}\n\
         - {name: last, match: {exitCode: 5}, reason: InvalidConfiguration}\n",
    );
    assert_eq!(found.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["good", "last"]);
    for wanted in [
        "entry 2 (bad): match.log: unclosed group",
        "entry 2 (bad): match.exitCod: unknown field; known are log, message, exitCode, container, image",
        "entry 2 (bad): reason: no reason is called InvalidConfig",
        "entry 2 (bad): summary: $2: the patterns have 0 capture groups",
        "entry 2 (bad): runbook: expected an address that begins with https:// or http://",
        "entry 2 (bad): colour: unknown field; known are name, match",
        "entry 3: name: is missing",
        "entry 3: match: needs at least one of log, message, exitCode",
        "entry 3: reason: is missing",
        "entry 4: expected a map of fields",
        "entry 5 (good): name: another signature has this name",
        "entry 6 (everything): match.log: matches everything",
        "entry 6 (everything): remediation[0]: expected text, or a map with text and command, not a number",
    ] {
        assert!(problems.iter().any(|p| p.starts_with(wanted)), "{wanted}\n{problems:#?}");
    }
}

#[test]
fn a_misspelt_reason_is_recognised() {
    let (_, problems) = loaded("- {name: a, match: {exitCode: 1}, reason: MemoryLimitExceded}\n");
    assert!(problems[0].contains("did you mean MemoryLimitExceeded?"), "{problems:?}");
    let (_, problems) = loaded("- {name: a, match: {exitCode: 1}, reason: Unknown}\n");
    assert_eq!(problems.len(), 1);
}

#[test]
fn everything_is_bounded() {
    let entry = |field: &str| loaded(&format!("- {{name: a, match: {{exitCode: 1}}, reason: DiskFull, {field}}}\n")).1;
    let long = "x".repeat(3000);
    for (field, wanted) in [
        (format!("summary: {long}"), "summary: longer than 500"),
        (format!("runbook: https://{long}"), "runbook: longer than 500"),
        (format!("remediation: [{long}]"), "remediation[0]: longer than 1000"),
        (format!("remediation: [{}]", ["a"; 11].join(", ")), "remediation: more than 10"),
    ] {
        let problems = entry(&field);
        assert!(problems.len() == 1 && problems[0].contains(wanted), "{wanted}: {problems:?}");
    }
    let pattern = |p: &str| loaded(&format!("- {{name: a, match: {{log: '{p}'}}, reason: DiskFull}}\n")).1;
    assert!(pattern(&long)[0].contains("longer than 2048 bytes"));
    assert!(pattern("(a{500}){500}b")[0].contains("too large when compiled"));
    let entry = |i| format!("- {{name: n{i}, match: {{exitCode: 1}}, reason: DiskFull}}\n");
    let many = (0..MAX_SIGNATURES + 5).map(entry).collect::<Vec<_>>().concat();
    let (found, problems) = loaded(&many);
    assert_eq!((found.len(), problems.len()), (MAX_SIGNATURES, 1));
    assert!(loaded(&format!("# {}\n", "x".repeat(1 << 20))).1[0].contains("larger than 1024 KiB"));
}

#[test]
fn files_that_are_none_say_so() {
    assert!(load(Path::new("/does/not/exist")).problems[0].to_string().contains("no such file"));
    assert!(loaded("just: wrong\n").1[0].contains("expected a list of signatures"));
    assert!(loaded("- {name: [\n").1[0].contains("line "));
    assert_eq!(loaded("").0.len(), 0);
}

#[test]
fn a_mounted_config_map_is_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("..2026_01_01");
    fs::create_dir(&real).unwrap();
    fs::write(real.join("a.yaml"), "- {name: a, match: {exitCode: 1}, reason: DiskFull}\n").unwrap();
    std::os::unix::fs::symlink("..2026_01_01", dir.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/a.yaml", dir.path().join("a.yaml")).unwrap();
    fs::write(dir.path().join("README"), "no signatures").unwrap();
    let loaded = load(dir.path());
    assert_eq!((loaded.signatures.0.len(), loaded.problems.len()), (1, 0), "{:?}", loaded.problems);
}
