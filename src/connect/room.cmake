room(connect SOURCES connect/options.cc DEPENDS base model)
