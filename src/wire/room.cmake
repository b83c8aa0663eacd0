room(wire SOURCES wire/object_facts.cc wire/local_store.cc
     DEPENDS base)
unit_test(wire_test SOURCES src/wire/local_store_test.cc DEPENDS wire)
