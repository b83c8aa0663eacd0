room(engine SOURCES engine/settings.cc engine/settings_table.cc DEPENDS base model connect mapping)
unit_test(engine_test SOURCES src/engine/settings_test.cc DEPENDS engine)
