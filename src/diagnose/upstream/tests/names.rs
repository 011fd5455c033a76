//! Addresses in all their forms, names that do not resolve, peers that only the spec names, chains.

use super::*;
use crate::diagnose::facts::EnvVar;

fn env(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.into(), value: Some(value.into()), from: None }
}

fn refused(host: &str) -> World {
    web(&format!("Error: connect ECONNREFUSED {host}:5432\n    at x (net.js:1)\n"))
}

fn unresolved(host: &str) -> World {
    web(&format!(
        "panic: dial tcp: lookup {host} on 10.96.0.10:53: no such host\n\ngoroutine 1 [running]:\nmain.main()\n"
    ))
}

fn down(name: &str, label: &str) -> Pod {
    unscheduled(pod(name, label), "0/2 nodes are available: 2 Insufficient memory.")
}

const DOWN: &str = "cannot be scheduled (0/2 nodes: 2 Insufficient memory)";

#[test]
fn addresses_of_a_service_in_all_forms() {
    let data = || service("data/postgres", "10.96.0.42", "app=postgres", 5432);
    let world = |w: World| w.svc(data()).pods(&[down("data/postgres-0", "app=postgres")]);
    let headless =
        |w: World| w.svc(service("pg", "", "app=pg", 5432)).pods(&[pod("pg-0", "app=pg"), down("pg-1", "app=pg")]);
    check(vec![
        ("cluster IP", world(refused("10.96.0.42")), "Pod data/postgres-0", DOWN),
        (
            "name.namespace",
            world(refused("postgres.data")),
            "Pod data/postgres-0",
            "Service data/postgres has no ready endpoint: pod data/postgres-0",
        ),
        ("name.namespace.svc", world(refused("postgres.data.svc")), "Pod data/postgres-0", DOWN),
        ("full name", world(refused("postgres.data.svc.cluster.local")), "Pod data/postgres-0", DOWN),
        ("another cluster domain", world(refused("postgres.data.svc.k8s.example.org")), "Pod data/postgres-0", DOWN),
        (
            "a URL",
            world(web(
                "sqlalchemy.exc.OperationalError: could not connect: postgresql://app:***@postgres.data:5432/shop refused the connection\n",
            )),
            "Pod data/postgres-0",
            DOWN,
        ),
        ("a pod under a headless Service", headless(unresolved("pg-1.pg")), "Pod shop/pg-1", DOWN),
        ("a pod, in full", headless(unresolved("pg-1.pg.shop.svc.cluster.local")), "Pod shop/pg-1", DOWN),
        (
            "a pod beyond the replicas",
            headless(unresolved("pg-5.pg"))
                .with(|w| w.cluster.workloads.push(workload("StatefulSet", "pg", "app=pg", 2))),
            "StatefulSet shop/pg",
            "StatefulSet pg has 2 replicas: there is no pod pg-5",
        ),
        (
            "a pod's own address",
            refused("10.1.0.10").pods(&[unready(pod("cassandra0", "app=c"))]),
            "Pod shop/cassandra0",
            "10.1.0.10: pod cassandra0 runs but is not ready",
        ),
        (
            "an alias",
            refused("db").svc(data()).pods(&[down("data/postgres-0", "app=postgres")]).with(|w| {
                let mut alias = service("db", "", "", 5432);
                alias.kind = "ExternalName".into();
                alias.external_name = Some("postgres.data.svc.cluster.local".into());
                w.cluster.services.push(alias);
            }),
            "Pod data/postgres-0",
            DOWN,
        ),
        ("a machine elsewhere", world(refused("db.example.com")), "-", "cannot reach db.example.com:5432"),
        ("another container of the pod", world(refused("127.0.0.1")), "-", "cannot reach 127.0.0.1:5432"),
    ]);
}

fn dns_pod(name: &str) -> Pod {
    pod(&format!("kube-system/{name}"), "k8s-app=kube-dns")
}

#[test]
fn names_that_do_not_resolve() {
    check(vec![
        (
            "no such Service, a near one",
            unresolved("postgress").svc(postgres()).pods(&[pod("postgres-0", "app=postgres")]),
            "Service shop/postgress",
            "Service postgress does not exist in namespace shop",
        ),
        (
            "in another namespace only",
            unresolved("postgres").svc(service("data/postgres", "10.96.0.42", "app=postgres", 5432)).pods(&[pod("data/postgres-0", "app=postgres")]),
            "Service data/postgres",
            "lives in namespace data, not in shop: from there its name is postgres.data",
        ),
        (
            "a headless Service without ready pods has no address",
            unresolved("pg").svc(service("pg", "", "app=pg", 5432)).pods(&[down("pg-0", "app=pg")]),
            "Pod shop/pg-0",
            DOWN,
        ),
        (
            "cluster DNS is down",
            web("getaddrinfo EAI_AGAIN postgres\nError: getaddrinfo EAI_AGAIN postgres\n    at GetAddrInfoReqWrap.onlookup (node:dns:107:26)\n")
                .svc(postgres())
                .pods(&[pod("postgres-0", "app=postgres"), crashing(dns_pod("coredns-1"), 1, "Error"), crashing(dns_pod("coredns-2"), 1, "Error")]),
            "Pod kube-system/coredns-1",
            "None of the 2 pods of cluster DNS is ready: pod kube-system/coredns-1 crashes itself",
        ),
        (
            "one pod of cluster DNS is enough",
            unresolved("postgres").svc(postgres()).pods(&[pod("postgres-0", "app=postgres"), dns_pod("coredns-1"), crashing(dns_pod("coredns-2"), 1, "Error")]),
            "-",
            "the name postgres does not resolve",
        ),
        ("a name of the internet", unresolved("api.example.com").svc(postgres()), "-", "api.example.com"),
    ]);
}

#[test]
fn peers_that_only_the_spec_names() {
    let silent = || web("starting\nERROR: could not connect to the database, giving up\n");
    let two = |w: World| {
        w.svc(postgres())
            .svc(service("redis", "10.96.0.9", "app=redis", 6379))
            .pods(&[down("postgres-0", "app=postgres"), pod("redis-0", "app=redis")])
            .with(|w| w.container().env = vec![env("REDIS_URL", "redis://redis:6379/0"), env("DB_HOST", "postgres")])
    };
    check(vec![
        ("the one that is at fault", two(silent()), "Pod shop/postgres-0", DOWN),
        (
            "both at fault: nobody knows",
            two(silent()).with(|w| w.cluster.pods[2] = unready(pod("redis-0", "app=redis"))),
            "-",
            "giving up",
        ),
        (
            "an argument",
            silent().svc(postgres()).pods(&[down("postgres-0", "app=postgres")]).with(|w| {
                w.container().args = vec!["--mode=postgres".into(), "--db-host".into(), "postgres".into()];
            }),
            "Pod shop/postgres-0",
            DOWN,
        ),
        ("no log at all", two(World::new().crashed(1, "Error", 2)), "Pod shop/postgres-0", DOWN),
        (
            "a value that merely equals a Service's name",
            silent()
                .svc(postgres())
                .pods(&[down("postgres-0", "app=postgres")])
                .with(|w| w.container().env = vec![env("DB_USER", "postgres")]),
            "-",
            "giving up",
        ),
    ]);
}

#[test]
fn chains_end_at_the_root_and_never_turn() {
    let api = || service("api", "10.96.0.7", "app=api", 8080);
    let lost = "Error: connect ECONNREFUSED postgres:5432\n    at x (net.js:1)\n";
    let to_api = || web("Error: connect ECONNREFUSED api:8080\n    at x (net.js:1)\n").svc(api()).svc(postgres());
    check(vec![
        (
            "web -> api, which crashes -> postgres, which has no room",
            to_api()
                .pods(&[crashing(pod("api-0", "app=api"), 1, "Error"), down("postgres-0", "app=postgres")])
                .with(|w| w.cluster.logs.push(log_of("api-0", LogSlot::Previous, lost))),
            "Pod shop/postgres-0",
            "pod api-0 crashes itself, because Service postgres has no ready endpoint: pod postgres-0 cannot be scheduled",
        ),
        (
            "web -> api, which waits unready -> postgres",
            to_api()
                .pods(&[unready(pod("api-0", "app=api")), down("postgres-0", "app=postgres")])
                .with(|w| w.cluster.logs.push(log_of("api-0", LogSlot::Current, "WARN retrying: connect ECONNREFUSED postgres:5432\nWARN retrying: connect ECONNREFUSED postgres:5432\n"))),
            "Pod shop/postgres-0",
            "pod api-0 is not ready, because Service postgres",
        ),
        (
            "in a circle: the next pod is as far as it goes",
            web("Error: connect ECONNREFUSED api:8080\n    at x (net.js:1)\n")
                .svc(api())
                .svc(service("web", "10.96.0.5", "app=web", 80))
                .pods(&[crashing(pod("api-0", "app=api"), 1, "Error")])
                .with(|w| {
                    w.pod().labels = labels("app=web");
                    w.cluster.logs.push(log_of("api-0", LogSlot::Previous, "Error: connect ECONNREFUSED web:80\n    at x (net.js:1)\n"));
                }),
            "Pod shop/api-0",
            "pod api-0 crashes itself: Exits 1",
        ),
    ]);
}
