//! The program: everything is in the library.

/// Checking and replaying make and drop many small values; with the allocator of the system they take twice as long.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    god_flow::cli::main()
}
