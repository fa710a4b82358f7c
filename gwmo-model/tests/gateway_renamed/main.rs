//! The same gateway, with every node of its objects called otherwise and in another place: nothing but the binding
//! knows how they are called.

#[path = "../gateway/atomic.rs"]
mod atomic;
#[path = "../gateway/children.rs"]
mod children;
#[path = "../gateway/console.rs"]
mod console;
#[path = "../gateway/devices.rs"]
mod devices;
#[path = "../gateway/groups.rs"]
mod groups;
#[path = "../gateway/jobs.rs"]
mod jobs;
#[path = "../gateway/objects.rs"]
mod objects;
#[path = "../gateway/rights.rs"]
mod rights;
#[path = "../gateway/sessions.rs"]
mod sessions;
#[path = "../gateway/town/mod.rs"]
mod town;

use gwmo_model::mo::{Binding, BindingError, FanoutSlot, Object, Slot};

/// The same objects elsewhere: other places, other names, and the state of a job one level deeper.
fn binding() -> Binding {
    renamed().unwrap()
}

fn renamed() -> Result<Binding, BindingError> {
    let mut binding = Binding::ours().announcing_registered();
    for (number, object) in Object::ALL.into_iter().enumerate() {
        binding = binding.with_place(object, &format!("./Vendor/Gw/{number}"))?;
        binding = binding.with_paths(object, |_, path| {
            let names = path.split('/').map(|name| match name {
                "" | "*" => name.to_owned(),
                // Backwards, so that the order of names is another one too.
                name => format!("N-{}", name.chars().rev().collect::<String>()),
            });
            names.collect::<Vec<_>>().join("/")
        })?;
    }
    let state = format!("{}/Now/State", binding.path(FanoutSlot::Job));
    binding.with_path(FanoutSlot::State, &state)
}

#[test]
fn no_name_is_as_it_was() {
    let (ours, other) = (Binding::ours(), binding());
    for object in Object::ALL {
        assert_ne!(ours.place(object), other.place(object));
        for slot in Slot::of(object).filter(|slot| ours.path(*slot).contains(|c: char| c.is_alphabetic())) {
            assert_ne!(ours.path(slot).rsplit('/').next(), Some(""));
            let same =
                ours.path(slot).split('/').zip(other.path(slot).split('/')).any(|(a, b)| a == b && a != "*");
            assert!(!same, "{slot:?}");
        }
    }
}
