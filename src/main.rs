//! The program: everything is in the library.

fn main() -> std::process::ExitCode {
    god_flow::cli::main()
}
