//! The binary: parse, run, exit code.

fn main() -> std::process::ExitCode {
    crash_diagnosis::cli::main()
}
