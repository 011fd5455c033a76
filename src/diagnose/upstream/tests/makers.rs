//! Who was to make what is missing: the Job behind a schema, the controller behind a Secret; and names in another cluster's domain.

use super::*;
use crate::diagnose::facts::{KeyedSource, Mount, PodVolume, VolumeSource};

const SCHEMA: &str = "FATAL: schema version compatibility check failed: version mismatch for keyspace/database: \"shop\". Expected 0.27, actual 0.0\n";
const TABLE: &str = "django.db.utils.ProgrammingError: relation \"orders\" does not exist\n";

fn job(name: &str, condition: Option<&str>, created: i64) -> WorkloadFacts {
    let mut job = workload("Job", name, "", 1);
    job.workload.api_version = "batch/v1".into();
    job.created = Some(at(created));
    job.conditions = condition
        .map(|kind| super::condition(kind, "True", -50, "Job has reached the specified backoff limit"))
        .into_iter()
        .collect();
    job
}

fn with_jobs(log: &str, jobs: &[WorkloadFacts]) -> World {
    web(log).with(|w| w.cluster.workloads.extend_from_slice(jobs))
}

#[test]
fn the_job_that_was_to_set_up_the_schema() {
    let failed = "Job web-schema-setup, which sets that up, has failed (Job has reached the specified backoff limit)";
    let bad = |name: &str| job(name, Some("Failed"), -100);
    check(vec![
        ("failed", with_jobs(SCHEMA, &[bad("web-schema-setup")]), "Job shop/web-schema-setup", failed),
        ("a table", with_jobs(TABLE, &[bad("web-migrate-7")]), "Job shop/web-migrate-7", "has failed"),
        ("runs", with_jobs(TABLE, &[job("web-db-init", None, -9)]), "Job shop/web-db-init", "is not done"),
        ("the only one", with_jobs(TABLE, &[bad("shop-migrations")]), "Job shop/shop-migrations", "has failed"),
        ("which of two", with_jobs(TABLE, &[bad("a-migrate"), bad("b-migrate")]), "-", ""),
        ("of the same app", with_jobs(TABLE, &[bad("a-migrate"), bad("web-migrate")]), "Job shop/web-migrate", ""),
        ("done", with_jobs(SCHEMA, &[job("web-schema-setup", Some("Complete"), -100)]), "-", ""),
        ("done since", with_jobs(TABLE, &[bad("web-migrate-1"), job("web-migrate-2", Some("Complete"), -9)]), "-", ""),
        ("another work", with_jobs(SCHEMA, &[bad("web-report")]), "-", ""),
        ("another failure", with_jobs("FATAL: bad luck\n", &[bad("web-schema-setup")]), "-", ""),
    ]);
}

/// The program misses a file of Secret `web-tls`, mounted at `/certs`.
fn without_certificate() -> World {
    web("FATAL: open /certs/tls.crt: no such file or directory\n").with(|w| {
        let source = KeyedSource { name: "web-tls".into(), ..KeyedSource::default() };
        w.pod().volumes.push(PodVolume { name: "certs".into(), source: VolumeSource::Secret(source) });
        w.container().mounts.push(Mount { volume: "certs".into(), path: "/certs".into(), ..Mount::default() });
    })
}

fn controller(args: &[&str]) -> Pod {
    let mut pod = crashing(pod("certs-0", "app=certs"), 1, "Error");
    pod.containers[0].args = args.iter().map(|a| (*a).to_owned()).collect();
    pod
}

#[test]
fn the_controller_that_was_to_fill_a_secret() {
    let fills =
        "StatefulSet certs, whose arguments name Secret web-tls, seems to be what fills it: pod certs-0 crashes";
    let mounts = |mut p: Pod| {
        p.volumes.push(without_certificate().pod().volumes[0].clone());
        p
    };
    let healthy = |mut p: Pod| {
        p.containers = super::pod("x", "app=x").containers;
        p.containers[0].args = vec!["--secret-name=web-tls".into()];
        p.conditions = super::pod("x", "app=x").conditions;
        p
    };
    let one = controller(&["--service-name=web", "--secret-name=web-tls"]);
    let root = "Pod shop/certs-0";
    let known = without_certificate().pods(std::slice::from_ref(&one)).diagnose();
    let advice: Vec<&str> = known.remediation.iter().map(|r| r.text.as_str()).collect();
    assert!(advice.iter().any(|a| a.starts_with("Do not add the key to Secret web-tls by hand")), "{advice:?}");
    assert!(advice.iter().all(|a| !a.contains("add the key tls.crt")), "{advice:?}");
    check(vec![
        ("a flag", without_certificate().pods(std::slice::from_ref(&one)), root, fills),
        ("two words", without_certificate().pods(&[controller(&["--ca-secret", "web-tls"])]), root, fills),
        ("a Service's name", without_certificate().pods(&[controller(&["--service-name=web-tls"])]), "-", ""),
        ("another Secret", without_certificate().pods(&[controller(&["--secret-name=web-tls-2"])]), "-", ""),
        ("it mounts it as well", without_certificate().pods(&[mounts(one.clone())]), "-", ""),
        ("it works", without_certificate().pods(&[healthy(one)]), "-", ""),
    ]);
}

#[test]
fn a_name_in_another_clusters_domain() {
    let world = |log: &str| web(log).svc(postgres()).pods(&[pod("postgres-0", "app=postgres")]);
    let wrong = "Service postgres exists and has an address, but not by that name: k8s.example.com seems not to be this cluster's";
    check(vec![
        (
            "Go",
            world("FATAL: lookup postgres.shop.svc.k8s.example.com: no such host\n"),
            "Service shop/postgres",
            wrong,
        ),
        (
            "a code",
            world(
                "redis.exceptions.ConnectionError: Error -2 connecting to postgres.shop.svc.k8s.example.com:5432. -2.\n",
            ),
            "Service shop/postgres",
            wrong,
        ),
        ("usual", world("FATAL: lookup postgres.shop.svc.cluster.local: no such host\n"), "-", ""),
        ("refused", world("FATAL: dial tcp postgres.shop.svc.k8s.example.com:5432: connection refused\n"), "-", ""),
    ]);
}

#[test]
fn waiting_helps_only_where_the_peer_is_late() {
    let waits = |peer: Pod| {
        let found = web(REFUSED).svc(postgres()).pods(&[peer]).diagnose();
        found.remediation.iter().any(|r| r.text.starts_with("If it only starts later"))
    };
    assert!(waits(unready(pod("postgres-0", "app=postgres"))));
    assert!(!waits(crashing(pod("postgres-0", "app=postgres"), 1, "Error")));
    assert!(!waits(unscheduled(pod("postgres-0", "app=postgres"), NO_ROOM)));
    let nothing = web(REFUSED).svc(postgres()).pods(&[pod("other-0", "app=other")]).diagnose();
    assert!(nothing.remediation.iter().all(|r| !r.text.starts_with("If it only starts later")), "{}", nothing.summary);
}
