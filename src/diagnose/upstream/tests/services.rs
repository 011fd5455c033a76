//! Services that are wrong themselves, or have nothing behind them.

use super::*;

#[test]
fn services_themselves() {
    check(vec![
        (
            "selects nothing, a label is misspelt",
            web(REFUSED).svc(service("postgres", "10.96.0.42", "app=postgress", 5432)).pods(&[pod("postgres-0", "app=postgres")]),
            "Service shop/postgres",
            "selects no pod (app=postgress); pod postgres-0 has app=postgres, not app=postgress",
        ),
        (
            "scaled to zero",
            web(REFUSED).svc(postgres()).with(|w| w.cluster.workloads.push(workload("Deployment", "postgres", "app=postgres", 0))),
            "Deployment shop/postgres",
            "Deployment postgres is scaled to 0 replicas",
        ),
        (
            "a quota refuses its pods",
            web(REFUSED).svc(postgres()).with(|w| {
                w.cluster.workloads.push(workload("StatefulSet", "postgres", "app=postgres", 1));
                let mut event = warning("postgres", "FailedCreate", "create Pod postgres-0 in StatefulSet postgres failed error: pods \"postgres-0\" is forbidden: exceeded quota: small");
                event.kind = "StatefulSet".into();
                w.cluster.events.push(event);
            }),
            "StatefulSet shop/postgres",
            "wants 1 replicas, but has no pod: create Pod postgres-0",
        ),
        (
            "another port",
            web("Error: connect ECONNREFUSED 10.96.0.42:5433\n    at x (net.js:1)\n").svc(postgres()).pods(&[pod("postgres-0", "app=postgres")]),
            "Service shop/postgres",
            "does not expose port 5433; it has 5432",
        ),
        (
            "a target port that nobody has",
            web(REFUSED).svc(postgres()).pods(&[pod("postgres-0", "app=postgres")]).with(|w| {
                w.cluster.services[0].ports[0].target = "pg".into();
                w.cluster.pods[1].containers[0].ports = vec![Port { name: Some("sql".into()), number: 5432, protocol: "TCP".into(), host: None }];
            }),
            "Service shop/postgres",
            "sends port 5432 to target port pg, but its pods declare 5432 (sql)",
        ),
        (
            "neither selector nor endpoints",
            web(REFUSED).svc(service("postgres", "10.96.0.42", "", 5432)).with(|w| w.cluster.services[0].endpoints = Some(Vec::new())),
            "Service shop/postgres",
            "has neither a selector nor endpoints",
        ),
    ]);
}

#[test]
fn what_was_not_read_is_not_missing() {
    let world = web(REFUSED).svc(postgres()).with(|w| w.cluster.services[0].endpoints = None);
    assert_eq!(root(&world.diagnose()), "-");
}
