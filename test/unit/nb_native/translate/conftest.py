from unit.nb_native.translate.stand_ins import native_forms

__all__ = ["native_forms"]
