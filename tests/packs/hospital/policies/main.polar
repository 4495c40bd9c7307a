# Entry points. A hospital: who may see the records of a patient, and who may prescribe.
#
# H1 staff on shift now in a team that cares for the patient, H2 the attending and whoever stands in
# now, H3 a physician on shift who breaks the glass, H4 sealed records, H5 consent, H6 suspension,
# H7 nobody sees their own record as staff, H8 limits of an export, H9 heads of nested departments,
# H10 and H11 what is created, H12 patients, H13 transfers, H15 patients who left.

actor Staff {}
actor Patient {}

allow(subject, action: Action, resource) if
  has_permission(subject, action.name, resource);

# H6
forbid(_: Staff{status: "suspended"}, _: Action, _, "suspended");

# H2
attends(staff: Staff, patient: Patient) if patient.attending = staff;
attends(staff: Staff, patient: Patient) if staff.stands_in(patient.attending).exists = true;

# H1
cares(staff: Staff, patient: Patient) if patient.cared_by(staff).exists = true;

licensed(staff: Staff) if staff.licence_until > context.now;
