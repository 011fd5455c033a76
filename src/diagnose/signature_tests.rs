use super::*;
use crate::diagnose::testing::World;

fn signature(change: impl FnOnce(&mut Signature)) -> Signature {
    let mut s = Signature {
        name: "mine".into(),
        log: None,
        message: None,
        exit_codes: Vec::new(),
        container: None,
        image: None,
        reason: Reason::InvalidConfiguration,
        confidence: Confidence::Likely,
        summary: None,
        remediation: Vec::new(),
        runbook: None,
    };
    change(&mut s);
    s
}

fn re(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

fn with(world: World, all: Vec<Signature>) -> World {
    world.with(|w| w.cluster.signatures = Signatures(all.into()))
}

#[test]
fn a_line_of_the_log_is_explained_in_the_users_words() {
    let s = signature(|s| {
        s.log = Some(re(r"LICENCE (?P<id>\S+) EXPIRED on (\d+)"));
        s.summary = Some("Licence {id} expired on $2 (${id}); {this} and $9 stay.".into());
        s.remediation = vec![Remedy { text: "Renew $1.".into(), command: Some("renew $1".into()) }];
        s.runbook = Some("https://wiki.example/licence".into());
    });
    let world = World::new()
        .crashed(3, "Error", 2)
        .log("start\nLICENCE old EXPIRED on 1\nx LICENCE ab-1 EXPIRED on 2023 y\npanic: boom\n");
    let found = with(world, vec![s]).diagnose();
    assert_eq!(found.reason, Reason::InvalidConfiguration);
    assert_eq!(found.summary, "Licence ab-1 expired on 2023 (ab-1); {this} and $9 stay.");
    assert_eq!(found.evidence[0].detail, "x LICENCE ab-1 EXPIRED on 2023 y (signature mine)");
    assert_eq!(found.remediation[0].text, "Renew ab-1.");
    assert_eq!(found.remediation[0].command.as_deref(), Some("renew $1"));
    assert_eq!(found.remediation[1].text, "Runbook: https://wiki.example/licence");
    assert!(found.alternatives.iter().any(|a| a.reason == Reason::UnhandledException), "{:?}", found.alternatives);
}

#[test]
fn a_log_line_does_not_undo_what_the_kernel_did_but_a_message_is_the_users_to_explain() {
    let oom = || World::new().crashed(137, "OOMKilled", 2).log("cache warm\n");
    let by_log = signature(|s| s.log = Some(re("cache warm")));
    assert_eq!(with(oom(), vec![by_log]).diagnose().reason, Reason::MemoryLimitExceeded);
    let by_message = signature(|s| s.message = Some(re("^OOMKilled")));
    assert_eq!(with(oom(), vec![by_message]).diagnose().reason, Reason::InvalidConfiguration);
}

#[test]
fn an_exit_code_alone_beats_a_bare_exit_code_but_not_the_programs_words() {
    let code = || vec![signature(|s| s.exit_codes = vec![42, 43])];
    let silent = World::new().crashed(42, "Error", 2).log("");
    assert_eq!(with(silent, code()).diagnose().reason, Reason::InvalidConfiguration);
    let said = World::new().crashed(42, "Error", 2).log("Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nModuleNotFoundError: No module named 'flask'\n");
    assert_eq!(with(said, code()).diagnose().reason, Reason::MissingModule);
    let other = World::new().crashed(41, "Error", 2).log("");
    assert_eq!(with(other, code()).diagnose().reason, Reason::UnknownError);
}

#[test]
fn all_that_is_given_must_match() {
    let world = || World::new().crashed(1, "Error", 2).log("boom\n");
    let matching = |change: fn(&mut Signature)| {
        let s = signature(|s| {
            s.log = Some(re("boom"));
            change(s);
        });
        with(world(), vec![s]).diagnose().reason == Reason::InvalidConfiguration
    };
    assert!(matching(|s| s.container = Some(re("^app$"))));
    assert!(matching(|s| s.image = Some(re("registry.example/"))));
    assert!(matching(|s| s.exit_codes = vec![1]));
    assert!(!matching(|s| s.container = Some(re("^db$"))));
    assert!(!matching(|s| s.image = Some(re("other"))));
    assert!(!matching(|s| s.exit_codes = vec![2]));
    assert!(!matching(|s| s.message = Some(re("nobody says this"))));
}

#[test]
fn events_count_from_the_start_of_the_run_that_crashed() {
    let by_event = || vec![signature(|s| s.message = Some(re("FailedMount: .*vault")))];
    let event = |at| World::new().crashed(1, "Error", 2).event("FailedMount", "MountVolume.SetUp failed: vault", at);
    assert_eq!(with(event(1), by_event()).diagnose().reason, Reason::InvalidConfiguration);
    assert_ne!(with(event(-100), by_event()).diagnose().reason, Reason::InvalidConfiguration);
}

#[test]
fn without_a_summary_the_signature_is_named() {
    let s = signature(|s| s.exit_codes = vec![9]);
    let found = with(World::new().crashed(9, "Error", 2), vec![s]).diagnose();
    assert!(found.summary.starts_with("Matches the signature mine: "), "{}", found.summary);
}

#[test]
fn expansion_is_no_language() {
    let captures = [("1".to_owned(), "$2 {name}"), ("name".to_owned(), "x")];
    assert_eq!(
        expand("a $1 b {name} c $ d {} e ${ f $10 {a b}", &captures),
        "a $2 {name} b x c $ d {} e ${ f $10 {a b}"
    );
}
