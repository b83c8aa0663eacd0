room(model SOURCES model/position.cc model/schema.cc model/row_batch.cc model/change.cc model/cell_text.cc DEPENDS base)
unit_test(model_test SOURCES src/model/cell_text_test.cc DEPENDS model)
