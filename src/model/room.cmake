room(model SOURCES model/position.cc model/schema.cc model/row_batch.cc model/change.cc DEPENDS base)
