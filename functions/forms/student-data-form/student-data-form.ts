import { choice, decimal, email, form, phone, text } from 'formbus';
import * as v from 'valibot';

export const studentDataForm = form(
  'student-data-form',
  v.pipe(
    v.object({
      name: text('Name', { max: 100, autocomplete: 'name' }),
      roll: text('Roll number', { max: 30 }),
      university: text('University', { max: 200, autocomplete: 'organization' }),
      cgpa: decimal('CGPA', { min: 0, max: 10, description: 'From 0 to 10, such as 8.04' }),
      gender: choice('Gender', { options: { F: 'Female', M: 'Male', O: 'Another', N: 'Prefer not to say' } }),
      age: decimal('Age', { min: 0, max: 150, description: 'In years' }),
      email: email('E-mail address'),
      mobile: phone('Mobile number', { description: '7 to 15 digits, such as 7004465984' }),
    }),
    v.title('Student data'),
  ),
);
