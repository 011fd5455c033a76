//! The accuracy suite: every case of tests/corpus (bundles of a real cluster, and cases made from documented behaviour) through the
//! front door `diagnose -f`, and what must come out. One wrong answer fails it; the table says where answers went.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
/// The suite must not shrink unnoticed.
const CASES: usize = 900;
/// Cases per reason.
const PER_REASON: usize = 2;

struct Case {
    name: String,
    folder: PathBuf,
    spec: Value,
}

/// What came of a case: wanted, got, and what is wrong with it.
struct Outcome {
    case: String,
    wanted: String,
    got: String,
    wrong: Option<String>,
}

fn cases() -> Vec<Case> {
    let folders = std::fs::read_dir(FOLDER).expect("tests/corpus is there").flatten().map(|e| e.path());
    let mut found: Vec<Case> = folders.filter(|f| f.join("case.yaml").is_file()).map(|f| read(&f)).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn read(folder: &Path) -> Case {
    let text = std::fs::read_to_string(folder.join("case.yaml")).expect("case.yaml is readable");
    let spec = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    Case { name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(), folder: folder.into(), spec }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn diagnose(folder: &Path) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crash-diagnosis"));
    command.args(["diagnose", "-o", "json", "-f"]).arg(folder.join("objects.yaml"));
    if folder.join("logs").is_dir() {
        command.arg(folder);
    }
    let done = command.output().expect("the binary runs");
    assert!(done.status.success(), "{}: {}", folder.display(), String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("an array")
}

fn judge(case: &Case) -> Outcome {
    let (namespace, pod) = (text(&case.spec, "/target/namespace"), text(&case.spec, "/target/pod"));
    let container = text(&case.spec, "/target/container");
    let answers = diagnose(&case.folder);
    let mine: Vec<&Value> = answers
        .iter()
        .filter(|a| text(a, "/namespace") == namespace && text(a, "/container") == container)
        .filter(|a| list(a, "/pods").iter().any(|p| text(p, "/name") == pod))
        .collect();
    let got = mine.first().map_or("silence", |a| text(a, "/reason")).to_owned();
    let outcome =
        |wanted: &str, wrong| Outcome { case: case.name.clone(), wanted: wanted.into(), got: got.clone(), wrong };
    if case.spec.get("healthy") == Some(&Value::Bool(true)) {
        let crashing = mine.iter().any(|a| text(a, "/state") == "Crashing");
        return outcome("silence", crashing.then(|| format!("{got} although it is healthy")));
    }
    let wanted = text(&case.spec, "/expect/reason");
    outcome(wanted, mine.first().map_or_else(|| Some("nothing was said".into()), |answer| problem(case, answer)))
}

/// What is wrong with an answer.
fn problem(case: &Case, answer: &Value) -> Option<String> {
    let right = std::iter::once(&case.spec["expect"]).chain(list(&case.spec, "/accept"));
    let said = (text(answer, "/cause"), text(answer, "/reason"));
    if !right.into_iter().any(|r| (text(r, "/cause"), text(r, "/reason")) == said) {
        return Some(format!("{} ({}): {}", said.1, text(answer, "/confidence"), text(answer, "/summary")));
    }
    let quoted = format!("{} {} {}", answer["evidence"], answer["summary"], answer["logExcerpt"]).to_lowercase();
    let cite = list(&case.spec, "/must_cite");
    let cited = |c: &Value| {
        quoted.contains(Value::String(c.as_str().unwrap_or_default().to_lowercase()).to_string().trim_matches('"'))
    };
    if !cite.is_empty() && !cite.iter().any(cited) {
        return Some(format!("quotes none of {cite:?}"));
    }
    let upstream = case.spec.get("upstream")?;
    let root = (text(answer, "/rootCause/kind"), text(answer, "/rootCause/name"));
    let same = root == (text(upstream, "/kind"), text(upstream, "/name"));
    (!same).then(|| format!("rootCause is {root:?}"))
}

fn all(cases: &[Case]) -> Vec<Outcome> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = judge(case);
                    found.lock().expect("no case panics while it holds this").push(outcome);
                }
            });
        }
    });
    found.into_inner().expect("no case panics while it holds this")
}

/// Wanted -> got, with counts, where they differ; and the totals.
fn table(outcomes: &[Outcome]) -> String {
    let mut confused: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for o in outcomes.iter().filter(|o| o.wanted != o.got) {
        *confused.entry((&o.wanted, &o.got)).or_default() += 1;
    }
    let rows: Vec<String> =
        confused.iter().map(|((wanted, got), n)| format!("  {wanted:26} -> {got:26} {n}")).collect();
    let rows = rows.join("\n");
    let right = outcomes.iter().filter(|o| o.wrong.is_none()).count();
    format!("{right} of {} right; answers other than the first choice (some are accepted):\n{rows}", outcomes.len())
}

#[test]
fn every_case_is_answered_right() {
    let cases = cases();
    let outcomes = all(&cases);
    println!("{}", table(&outcomes));
    let wrong: Vec<String> = outcomes
        .iter()
        .filter_map(|o| Some(format!("{}: want {}, got {}", o.case, o.wanted, o.wrong.as_ref()?)))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n{}", wrong.join("\n"), table(&outcomes));
}

#[test]
fn every_reason_has_its_cases() {
    let cases = cases();
    assert!(cases.len() >= CASES, "{} cases", cases.len());
    let healthy = cases.iter().filter(|c| c.spec.get("healthy").is_some()).count();
    assert!(healthy >= 10, "{healthy} healthy cases");
    let mut missing = Vec::new();
    for reason in crash_diagnosis::diagnose::Reason::ALL {
        let n = cases.iter().filter(|c| text(&c.spec, "/expect/reason") == reason.as_str()).count();
        if n < PER_REASON {
            missing.push(format!("{} has {n}", reason.as_str()));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join(", "));
}
