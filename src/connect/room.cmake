room(connect SOURCES connect/options.cc connect/read_ahead.cc DEPENDS base model)
