//! Reasons from logs, with the spec that decides boundary cases.

use crate::diagnose::Reason;
use crate::diagnose::testing::World;

fn reason(log: &str) -> Reason {
    World::new().crashed(1, "Error", 2).log(log).diagnose().reason
}

#[test]
fn plain_reasons() {
    for (log, want) in [
        ("dial tcp 10.96.0.42:5432: connect: connection refused\n", Reason::DependencyUnavailable),
        ("KeyError: 'DATABASE_URL'\n", Reason::MissingEnvironmentVariable),
        ("exec /app/server: exec format error\n", Reason::WrongArchitecture),
    ] {
        assert_eq!(reason(log), want, "{log}");
    }
}
