//! Tests of placement: small scenes with their outcome, laws that hold for any, and a million random steps.

mod laws;
mod reasons;
mod scene;
mod starvation;
mod steps;
mod table;
