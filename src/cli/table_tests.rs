use super::*;
use crate::cli::answer;
use crate::diagnose::testing::{World, at};

fn answers(name: &str, namespaces: &[&str]) -> Vec<Answer> {
    let mut all = Vec::new();
    for ns in namespaces {
        let world = World::new()
            .crashed(1, "Error", 2)
            .log("Error: environment variable DATABASE_URL is not set\n")
            .with(|w| {
                let pod = w.pod();
                pod.namespace = (*ns).into();
                pod.workload.name = name.into();
                w.cluster.logs[0].namespace = (*ns).into();
            });
        all.extend(answer::all(&world.cluster, at(100), &[]));
    }
    assert_eq!(all.len(), namespaces.len());
    all
}

const PLAIN: Style = Style { colour: false, width: 100 };

fn widest(text: &str) -> usize {
    text.lines().map(|l| l.chars().count()).max().unwrap_or(0)
}

#[test]
fn it_reads_well_in_a_hundred_columns() {
    let text = render(&answers("web", &["shop"]), at(100), &PLAIN);
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("WORKLOAD        CONTAINER  CAUSE          REASON                      PODS  RESTARTS  LAST CRASH")
    );
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("deployment/web  app        MissingConfig  MissingEnvironmentVariable  1/1   3         98s")
    );
    for part in [
        "shop/deployment/web app: MissingConfig / MissingEnvironmentVariable",
        "  Evidence\n  - ",
        "  Log\n    Error: environment",
        "  What to do\n  - ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(widest(&text) <= 100, "{text}");
}

#[test]
fn long_names_lose_their_middle_and_the_rows_stay_within() {
    let long = "a-very-long-name-of-a-workload-that-somebody-generated-7f3a9c";
    let text = render(&answers(long, &["a-namespace-with-a-long-name-too", "shop"]), at(100), &PLAIN);
    let head: Vec<&str> = text.lines().take(3).collect();
    assert!(head.iter().all(|l| l.chars().count() <= 100), "{head:#?}");
    assert!(
        head[0].starts_with("NAMESPACE") && head[1].contains('…') && head[1].contains("MissingEnvironmentVariable"),
        "{head:#?}"
    );
    assert!(text.contains(long), "in full further down");
}

#[test]
fn colours_only_where_asked_for() {
    let all = answers("web", &["shop"]);
    assert!(!render(&all, at(100), &PLAIN).contains('\u{1b}'));
    let coloured = render(&all, at(100), &Style { colour: true, ..PLAIN });
    assert!(coloured.contains("\u{1b}[31m"));
    assert_eq!(coloured.matches("\u{1b}[0m").count() * 2, coloured.matches("\u{1b}[").count());
}

#[test]
fn nothing_is_crashing() {
    assert_eq!(render(&[], at(0), &PLAIN), "Nothing is crashing.\n");
}

#[test]
fn paths_and_commands_stay_whole() {
    let mut out = String::new();
    let path = "/".to_owned() + &"x".repeat(150);
    wrapped(&mut out, "  - ", &format!("see {path} and more"), 100);
    assert_eq!(out, format!("  - see\n    {path}\n    and more\n"));
}
